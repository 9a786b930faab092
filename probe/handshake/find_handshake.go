package handshake

import (
	"fmt"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// handshakePatterns are what can be unusual from the SYN to the first ACK.
var handshakePatterns = []pattern{
	{
		"accept-queue-full", probe.SeverityWarning,
		"the program does not accept connections fast enough: the host drops the last segment of the handshake, or SYNs",
		acceptQueueFull,
	}, {
		"accept-queue-reset", probe.SeverityWarning,
		"the host accepted our SYN, and our ACK was answered by an RST: its accept queue is full (on Linux with net.ipv4.tcp_abort_on_overflow), or a firewall before the program refuses the connection",
		acceptQueueReset,
	}, {
		"syn-cookies", probe.SeverityNotice,
		"the host keeps nothing of a half-open connection: it answers with SYN cookies",
		synCookies,
	}, {
		"syn-proxy", probe.SeverityNotice,
		"the SYN-ACK is not like what follows it: something in front of the host seems to answer SYNs in its name, and to connect to it later",
		synProxy,
	}, {
		"synack-retransmissions", probe.SeverityInfo,
		"how often, and when, the host repeats a SYN-ACK that nobody acknowledges",
		synackSchedule,
	}, {
		"synack-repeated", probe.SeverityNotice,
		"the SYN-ACK was retransmitted although it was acknowledged: our ACK was lost or came late, or the host waits for data (TCP_DEFER_ACCEPT)",
		synackRepeated,
	}, {
		"split-handshake", probe.SeverityNotice,
		"the peer answered our SYN with a SYN of its own instead of a SYN-ACK",
		splitHandshake,
	}, {
		"challenge-ack", probe.SeverityNotice,
		"the host still holds an old connection on these ports and addresses, and asked whether it lives (RFC 5961)",
		challengeACK,
	}, {
		"forged-reset", probe.SeverityWarning,
		"an RST came that the host cannot have sent: somebody on the way wants the connection dead",
		forgedReset,
	}, {
		"icmp-rejected", probe.SeverityInfo,
		"an ICMP error refused the connection",
		icmpRejected,
	}, {
		"icmp-on-connection", probe.SeverityNotice,
		"an ICMP error came for a connection that was already open",
		icmpOnConnection,
	},
}

// enoughPressed is how often data or a FIN must have been sent after a repeated
// SYN-ACK, to speak of a queue where no other SYN-ACK came since.
const enoughPressed = 3

// acceptQueueFull: the SYN-ACK is retransmitted after our ACK, and what takes
// sequence space, data or FIN, is not acknowledged either. A lost ACK, and a host
// that waits for data (TCP_DEFER_ACCEPT, tcp(7)), would be made good by it.
func acceptQueueFull(f *Follower, r *Result) string {
	v := &f.seen
	ignored := int(f.Client.Nxt.Sub(f.Client.ISS)) - 1
	switch {
	case r.Reason == probe.ReasonNoResponse && slices.Contains(f.context.Known.FullQueues, f.server.Port()):
		return "SYNs are dropped, and an earlier connection to this port met a full queue"
	case f.Server.Confirmed() || r.Acked > 0 || v.stuck == 0 && (v.repeats == 0 || v.pressed < enoughPressed):
		return ""
	}
	what := count(ignored, "byte")
	if f.Client.Finished() {
		what = "the FIN"
	}
	return fmt.Sprintf("SYN-ACK repeated %s after our ACK, %s never acknowledged in %s", count(v.repeats, "time"), what, count(v.ignored, "segment"))
}

// acceptQueueReset: an RST that no connection sent. A program that aborts
// sends RST with ACK (RFC 9293 §3.10.5); what a listener does not take draws
// RST alone, numbered by our ACK (§3.5.2).
func acceptQueueReset(f *Follower, _ *Result) string {
	v := &f.seen
	reset := v.reset()
	if reset == nil || v.ack.IsZero() || f.Server.Confirmed() || !v.synack.seen() ||
		reset.segment.Flags.Has(craft.ACK) || v.genuine > 0 {
		return ""
	}
	return fmt.Sprintf("RST seq %d %v after our ACK", f.relativeSeq(Server, &reset.segment), reset.at.Sub(v.ack).Round(time.Microsecond))
}

// patience is how long a host that repeats SYN-ACKs at all waits before the
// first repetition, and some: RFC 6298 §2.1 has one second, older stacks three.
const patience = 3500 * time.Millisecond

func synCookies(f *Follower, _ *Result) string {
	v := &f.seen
	switch {
	case v.cookie.holds():
		return fmt.Sprintf("ISN minus our ISN stayed %d for two SYNs; %d SYN-ACKs repeated in %v",
			uint32(v.cookie.first[1].Sub(v.cookie.first[0])), v.synack.count-1, f.context.Watched.Round(time.Millisecond))
	case v.cookie != nil || f.context.Withheld != WithholdSYNACKAck || !v.synack.seen() || v.reset() != nil:
		return ""
	case v.synack.count == 1 && f.context.Watched >= patience && f.cookieStamp():
		return fmt.Sprintf("no SYN-ACK repeated in %v; TSval %#x encodes our options", f.context.Watched.Round(time.Millisecond), f.tsval())
	}
	return ""
}

func (f *Follower) tsval() uint32 {
	val, _, _ := f.seen.synack.segment.Options.Timestamps()
	return val
}

// cookieStamp tells whether the low bits of the SYN-ACK's TSval say what our
// SYN offered, as Linux's cookies have it (net/ipv4/syncookies.c,
// cookie_init_timestamp): window scale, SACK, ECN. Chance does so once in 64.
func (f *Follower) cookieStamp() bool {
	val, _, ok := f.seen.synack.segment.Options.Timestamps()
	if !ok || !f.Client.Stamped {
		return false
	}
	want := uint32(0xf)
	if shift, ok := f.seen.syn.segment.Options.WindowScale(); ok {
		want = uint32(min(shift, maxShift))
	}
	if f.Client.SACK {
		want |= 1 << 4
	}
	if f.seen.synack.segment.Flags.Has(craft.ECE) {
		want |= 1 << 5
	}
	return val&0x3f == want
}

func synProxy(f *Follower, _ *Result) string {
	v := &f.seen
	if !v.synack.seen() || v.ack.IsZero() {
		return ""
	}
	apart := int(v.synack.segment.TTL) - int(v.first.ttl)
	switch {
	case !v.first.seen && v.closedWindow() && v.reset() == nil:
		return fmt.Sprintf("SYN-ACK with window 0, TTL %d, and nothing behind it answers", v.synack.segment.TTL)
	case !v.first.seen && v.closedWindow() && v.reset().at.After(v.ack):
		return fmt.Sprintf("SYN-ACK with window 0, TTL %d, and an RST, TTL %d, %v after our ACK, before any window: what is behind it refused the connection",
			v.synack.segment.TTL, v.reset().segment.TTL, v.reset().at.Sub(v.ack).Round(time.Microsecond))
	case !v.first.seen:
	case v.closedWindow() && v.shut.opened:
		return fmt.Sprintf("SYN-ACK with window 0, TTL %d; then a window of %d, TTL %d", v.synack.segment.TTL, v.first.window, v.first.ttl)
	case apart > 1 || apart < -1:
		return fmt.Sprintf("TTL of the SYN-ACK %d, of what followed %d", v.synack.segment.TTL, v.first.ttl)
	}
	return ""
}

// closedWindow tells whether the SYN-ACK offered no window.
func (v *evidence) closedWindow() bool {
	return v.synack.segment.Window == 0 && !v.synack.fragment
}

func synackSchedule(f *Follower, r *Result) string {
	v := &f.seen
	if f.context.Withheld != WithholdSYNACKAck || v.synack.count < 2 {
		return ""
	}
	end := fmt.Sprintf("watched for %v, too short to see whether it was the last", f.context.Watched.Round(time.Millisecond))
	if reset := v.reset(); reset != nil {
		end = fmt.Sprintf("RST after %v", reset.at.Sub(v.synack.at).Round(time.Millisecond))
	} else if quiet := f.context.Watched - last(r.SYNACKSchedule, 0); r.SYNACKRetransmits <= maxSchedule && quiet > longerThan(r.SYNACKSchedule) {
		end = fmt.Sprintf("then silence for %v", quiet.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s, after %s; %s", count(r.SYNACKRetransmits, "time"), schedule(r.SYNACKSchedule), end)
}

// last is the n-th of times from behind, 0 before the first.
func last(times []time.Duration, n int) time.Duration {
	if n >= len(times) {
		return 0
	}
	return times[len(times)-1-n]
}

// longerThan is how long must pass until a next retransmission would have come:
// each pause is at most twice the one before (RFC 6298 §5.5), and some.
func longerThan(schedule []time.Duration) time.Duration {
	return 2*(last(schedule, 0)-last(schedule, 1)) + 500*time.Millisecond
}

// schedule is "1.0, 3.0, 7.1 s".
func schedule(times []time.Duration) string {
	text := ""
	for i, t := range times {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%.1f", t.Seconds())
	}
	return text + " s"
}

func synackRepeated(f *Follower, r *Result) string {
	if f.seen.repeats == 0 || acceptQueueFull(f, r) != "" {
		return ""
	}
	return count(f.seen.repeats, "time")
}

func splitHandshake(f *Follower, r *Result) string {
	if r.Reason != probe.ReasonSplitHandshake {
		return ""
	}
	return "SYN without ACK, seq " + fmt.Sprint(uint32(f.seen.synack.segment.Seq))
}

func challengeACK(f *Follower, _ *Result) string {
	v := &f.seen
	if v.challenges == 0 {
		return ""
	}
	return fmt.Sprintf("ACK %d, seq %d, to our SYN %d", uint32(v.challenge.Ack), uint32(v.challenge.Seq), uint32(f.Client.ISS))
}

func forgedReset(f *Follower, _ *Result) string {
	v := &f.seen
	for i := range v.resets[:min(v.resetCount, maxResets)] {
		r := &v.resets[i]
		if r.notes.Has(NoteIllegalReset) {
			return fmt.Sprintf("RST seq %d ack %d in %s, TTL %d", uint32(r.segment.Seq), uint32(r.segment.Ack), r.state, r.segment.TTL)
		}
	}
	if v.resetCount > 0 && v.genuine > 0 {
		return fmt.Sprintf("%s after an RST with TTL %d", count(v.genuine, "genuine segment"), v.resets[0].segment.TTL)
	}
	return ""
}

func icmpRejected(f *Follower, r *Result) string {
	if f.seen.icmpCount == 0 || f.seen.icmpError.state != SYNSent {
		return ""
	}
	return f.describeICMP(r)
}

func icmpOnConnection(f *Follower, r *Result) string {
	if f.seen.icmpCount == 0 || f.seen.icmpError.state == SYNSent {
		return ""
	}
	return f.describeICMP(r)
}

func (f *Follower) describeICMP(*Result) string {
	e := &f.seen.icmpError
	who := "the host itself"
	if e.from != f.server.Addr().WithZone("") {
		who = e.from.String()
	}
	return fmt.Sprintf("%s (type %d code %d) by %s, TTL %d", e.reason, e.code.Type, e.code.Code, who, e.ttl)
}
