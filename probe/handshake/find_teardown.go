package handshake

import (
	"fmt"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// teardownPatterns are about the end of a connection.
var teardownPatterns = []pattern{
	{"close-three-way", probe.SeverityInfo, "one segment acknowledged the first FIN and was the second", threeWay},
	{"half-close-held", probe.SeverityInfo, "the peer kept its half open after our FIN", halfCloseHeld},
	{"close-by-reset", probe.SeverityNotice, "the peer ended the connection by RST", closeByReset},
	{"simultaneous-close", probe.SeverityInfo, "both ends sent their FIN before they had the other's", simultaneousClose},
	{"time-wait-skipped", probe.SeverityInfo, "the peer closed first and kept no TIME_WAIT: our FIN, retransmitted, was reset", timeWaitSkipped},
	{"fin-retransmissions", probe.SeverityInfo, "the peer repeats a FIN that nobody acknowledges", finRepeated},
	{"fin-unanswered", probe.SeverityNotice, "nobody acknowledged our FIN", finUnanswered},
}

func threeWay(_ *Follower, r *Result) string {
	if r.Close != CloseThreeWay {
		return ""
	}
	return fmt.Sprintf("FIN-ACK of the %s", r.First.Other())
}

func halfCloseHeld(f *Follower, r *Result) string {
	held := r.Close == CloseHalfClosed && f.Client.Finished()
	if !held && f.seen.data.late == 0 {
		return ""
	}
	return fmt.Sprintf("our FIN acknowledged, then %d bytes of data", f.seen.data.late)
}

// closeByReset: an RST with ACK is a program's or a kernel's choice; one without
// answers a segment for which there is no connection.
func closeByReset(f *Follower, r *Result) string {
	reset := f.seen.reset()
	if reset == nil || reset.state == SYNSent || f.seen.ack.IsZero() || f.seen.genuine > 0 ||
		r.Close != CloseByReset || // both ends had closed: an RST to a late ACK ends nothing
		f.seen.after.wasReset || acceptQueueReset(f, r) != "" {
		return ""
	}
	return fmt.Sprintf("RST [%s] in %s, %v after the handshake",
		reset.segment.Flags, reset.state, reset.at.Sub(f.seen.ack).Round(time.Microsecond))
}

func simultaneousClose(f *Follower, _ *Result) string {
	if !f.Client.facts.has(finFirst) || !f.Server.facts.has(finFirst) {
		return ""
	}
	return fmt.Sprintf("FINs at %d and %d", uint32(f.Client.FIN), uint32(f.Server.FIN))
}

func timeWaitSkipped(f *Follower, _ *Result) string {
	if !f.seen.after.wasReset {
		return ""
	}
	return "RST to a retransmitted FIN"
}

// finRepeated: unless we kept it back, our ACK left when the first FIN came. What comes within a round trip of that left
// before it was there, and tells of a long way alone.
func finRepeated(f *Follower, r *Result) string {
	n := len(r.FINSchedule)
	onTheWay := n > 0 && n == r.FINRetransmits && f.context.Withheld != WithholdLastAck && r.FINSchedule[n-1] <= f.seen.longestTrip()
	if r.FINRetransmits == 0 || onTheWay {
		return ""
	}
	return fmt.Sprintf("%s, after %s", count(r.FINRetransmits, "time"), schedule(r.FINSchedule))
}

func finUnanswered(f *Follower, r *Result) string {
	if r.Close != CloseTimeout || acceptQueueFull(f, r) != "" || f.context.Withheld == WithholdLastAck {
		return ""
	}
	return count(r.Retransmits[Client], "segment") + " retransmitted"
}

// hasOptions and hasWindow are marks that the RST of a stack does not bear in
// answer to a SYN (RFC 9293 §3.5.2).
func (r *resetSeen) hasOptions() bool { return len(r.segment.Options) > 0 }
func (r *resetSeen) hasWindow() bool {
	return r.segment.Window != 0 && r.segment.Flags&craft.RST != 0 && !r.fragment
}
