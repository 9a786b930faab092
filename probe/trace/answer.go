package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// acceptAnswer lets an answer take effect on its probe, or says why it does not.
func (t *tracer) acceptAnswer(ev *wire.Event) (reject string) {
	s := t.concerned(ev)
	if s == nil {
		return wire.RejectUnsolicited
	}
	if ev.Kind == wire.KindICMP && ev.Quote.Seq != s.Numbers.Seq && !timeExceeded(s.Dst.Addr(), ev.ICMP) {
		return wire.RejectQuote // that its identification is right is too little for a verdict
	}
	q := t.grid[s.Index][s.N]
	if abandoned(q, s) {
		t.late.TakeLate(t.Matcher.Tech, t.cfg.Target, ev)
		return wire.RejectAfterVerdict
	}
	s = t.told(q, s, ev)
	switch {
	case ev.Kind == wire.KindACK && !s.Outcome.Asked() && t.halfOpen(s):
		return t.met(s, ev)
	case q.sent == s && s.Ended && t.awaited(q):
		s.Ended, q.ended = false, false
	case q.sent != s || s.Ended:
		t.late.TakeLate(t.Matcher.Tech, t.cfg.Target, ev)
		return wire.RejectDuplicate
	case q.sent.Took(ev, t.Reading) > t.cfg.Timeout && !slices.Contains(t.settling, q):
		t.late.TakeLate(t.Matcher.Tech, t.cfg.Target, ev)
		return wire.RejectAfterVerdict
	}
	do, reject := t.Weigh(s, ev)
	if reject == "" {
		t.act(do, q, ev)
	}
	if s.Until == 0 && t.Now >= t.deadline(s) { // nothing gives it up any more
		s.Ended, q.ended = true, true
	}
	return reject
}

// concerned is the transmission that an answer is about, nil if none. One without
// a number of ours is taken to be about the nearest probe behind the last router.
func (t *tracer) concerned(ev *wire.Event) (nearest *wire.Transmission) {
	if ev.Kind.Verified() {
		return t.Table.At(ev.Attempt)
	}
	if t.Table.Concerned(ev) == nil {
		return nil
	}
	for _, queries := range t.grid[t.end.routers:] {
		for _, q := range queries {
			if s := q.sent; s != nil && !q.ended && s.Outcome.Rank == wire.RankSilence && s.Src.Port() == ev.Seg.Dst.Port() {
				return s
			}
		}
	}
	return nil
}

// act does what an answer calls for.
func (t *tracer) act(do wire.Action, q *query, ev *wire.Event) {
	switch do {
	case wire.ActFinish:
		t.answered(q, ev)
		q.sent.Ended = true
		t.stepAside(q)
	case wire.ActSettle, wire.ActHold:
		t.answered(q, ev)
	case wire.ActRenew, wire.ActShrink:
		t.repeat(q, do == wire.ActShrink)
	}
}

// retries is how often a probe is repeated because an old connection of the
// target stood in its way, or because it was too large for a router.
const retries = 2

// repeat sends another probe from another port.
func (t *tracer) repeat(q *query, small bool) {
	if q.retries == retries || t.Stopping {
		return
	}
	q.retries++
	q.aside, q.small = true, q.small || small
	q.noted = q.sent.Outcome.Annotate(probe.Verdict{Findings: q.noted}).Findings
	q.sent.Ended = true
	t.again = append(t.again, q)
}

// halfOpen tells whether an ACK of a probe may be the challenge to a later one from
// the same port, by a target that is half open since the first. Who acknowledges more
// than one of them is not, and what it acknowledged before proves nothing either.
func (t *tracer) halfOpen(s *wire.Transmission) bool {
	if t.opener != nil && t.opener != s && t.opener.Src == s.Src {
		t.opener, t.opened, t.acksAll = nil, 0, true
		t.settleEnd()
	}
	return !t.acksAll && slices.ContainsFunc(t.Table.List, func(later *wire.Transmission) bool {
		return later.Src == s.Src && later.Tx.Sent > s.Tx.Sent
	})
}

// met takes an ACK from a target that is half open already (RFC 9293 §3.10.7.4).
// It acknowledges the SYN that opened it, so it names a probe that has arrived
// although the SYN-ACK to it was lost. How far the target is is known by that; what
// the port is, a SYN-ACK to another port of ours has to tell (RFC 5961 §4).
func (t *tracer) met(s *wire.Transmission, ev *wire.Event) string {
	q := t.grid[s.Index][s.N]
	s.Outcome.Take(t.Matcher.Tech, s.Dst, ev)
	if q.Kind == HopSYNACK || t.opened != 0 && t.opened <= q.TTL {
		return wire.RejectDuplicate
	}
	s.Close(&t.Responses)
	t.opener, t.opened = s, q.TTL
	t.settleEnd()
	t.stepAside(q)
	return ""
}

// answered writes an answer into the grid.
func (t *tracer) answered(q *query, ev *wire.Event) {
	s := q.sent
	took := s.Took(ev, t.Reading)
	t.longest = max(t.longest, took)
	q.Kind, q.Addr = hopKind(t.cfg.Target.Addr(), ev)
	q.Addr = t.Network.InZone(q.Addr, ev.Link)
	t.measure(q, ev, took)
	q.ICMP, q.Changes = nil, nil
	if ev.Kind == wire.KindICMP {
		icmp := ev.ICMP
		q.ICMP = &icmp
		q.Changes = changes(s, ev, q.Kind)
	}
	if q.Kind == HopTimeExceeded || q.Kind == HopSYNACK {
		q.ended = true
	} else {
		s.Until = t.Now + s.Outcome.Grace(s.Src.Addr(), 0, took, t.cfg.Timeout)
		t.settling = append(t.settling, q)
	}
	t.settleEnd()
}

// measure puts the time of an answer into the grid. Whether a SYN-ACK was repeated is
// seen when all have come.
func (t *tracer) measure(q *query, ev *wire.Event, took time.Duration) {
	q.RTT, q.Clock, q.Doubt = t.Measure(q.sent, ev, nil)
	if _, sure := q.sent.Answers(ev); !sure {
		q.RTT, q.Clock, q.Doubt = 0, netraw.ClockNone, probe.DoubtRetransmitted
		return
	}
	switch {
	case q.Doubt == probe.DoubtClockStep:
	case ev.Kind == wire.KindSYNACK || q.Kind == HopTimeExceeded:
		q.took = took
	case ev.Kind == wire.KindReset && !ev.Indirect():
		t.Trips.Takes(took)
	}
}

// doubtRepeated takes the time of a SYN-ACK back that the target may have repeated.
func (t *tracer) doubtRepeated(q *query) {
	if t.doubts(q) {
		q.RTT, q.Clock, q.Doubt = 0, netraw.ClockNone, probe.DoubtRepeated
	}
}

// doubts tells whether an answer may be a SYN-ACK that the target repeated: one whose first copy was lost
// comes a second late. How long the way takes is told by the others, or by the last router.
func (t *tracer) doubts(q *query) bool {
	if q.Kind != HopSYNACK || q.took == 0 {
		return false
	}
	trips := t.Trips
	for _, queries := range t.grid {
		for _, other := range queries {
			switch {
			case other.took == 0:
			case other.Kind == HopSYNACK:
				trips.Doubts(other.took)
			case other.Kind == HopTimeExceeded && other.TTL == t.end.routers:
				trips.Takes(other.took)
			}
		}
	}
	return trips.Doubts(q.took)
}

// hopKind is what an answer says of a hop, and who gave it.
func hopKind(target netip.Addr, ev *wire.Event) (HopKind, netip.Addr) {
	switch {
	case ev.Kind == wire.KindSYNACK, ev.Kind == wire.KindACK:
		return HopSYNACK, ev.Seg.Src.Addr()
	case ev.Kind == wire.KindReset, ev.Kind == wire.KindAskedReset:
		return HopReset, ev.Seg.Src.Addr()
	case timeExceeded(target, ev.ICMP):
		return HopTimeExceeded, ev.Sender
	}
	return HopUnreachable, ev.Sender
}

func timeExceeded(target netip.Addr, icmp probe.ICMPCode) bool {
	reason, _ := probe.ICMPMeaning(target, icmp.Type, icmp.Code)
	return reason == probe.ReasonTimeExceeded
}

// stepAside sends the probes in the air that may have met the half-open
// connection behind a SYN-ACK again, from other ports.
func (t *tracer) stepAside(opened *query) {
	if t.cfg.Flow == probe.FlowVary || opened.TTL != t.end.ttl {
		return
	}
	t.aside = true
	for _, queries := range t.grid[t.end.routers:t.end.ttl] {
		for _, q := range queries {
			if q.sent != nil && !q.ended && !q.aside && q.sent.First == nil && !slices.Contains(t.settling, q) {
				q.aside = true
				t.again = append(t.again, q)
			}
		}
	}
}

// expire gives up the probes whose time is over. What has arrived by now is
// taken in first, however late this process runs.
func (t *tracer) expire(r *wire.Receiver) {
	now := t.Now
	if t.due(now) {
		t.CatchUp(r)
	}
	t.settling = slices.DeleteFunc(t.settling, func(q *query) bool {
		q.ended = q.ended || q.sent.Until <= now
		return q.ended
	})
	for s := t.Flying.Waiting(); s != nil && now >= t.deadline(s); s = t.Flying.Waiting() {
		t.Flying.Pop()
		q := t.grid[s.Index][s.N]
		if q.sent != s || slices.Contains(t.settling, q) {
			continue
		}
		s.Ended, q.ended = true, true
		t.closeSilent(q)
	}
}

// closeSilent closes what a target may be half open for that accepts, unless the SYN-ACK is waited for, and tells
// whether it does.
func (t *tracer) closeSilent(q *query) bool {
	if q.sent == nil || q.sent.Closed || q.Kind != HopNone || q.TTL <= t.end.routers || !t.aside || t.awaited(q) {
		return false
	}
	q.sent.Close(&t.Responses)
	return true
}

// closeRest closes what is left of these at the end, and what is still under way to a target that accepts and
// tells nothing of the way any more.
func (t *tracer) closeRest() (closes bool) {
	for _, queries := range t.grid {
		for _, q := range queries {
			if t.end.rank == wire.RankOpen && q.sent != nil && !q.ended && !q.sent.Closed {
				q.ended = true
				q.sent.Close(&t.Responses)
				closes = true
			}
			closes = t.closeSilent(q) || closes
		}
	}
	return closes
}

// due tells whether a probe is about to be given up, or an answer to settle.
func (t *tracer) due(now time.Duration) bool {
	if s := t.Flying.Waiting(); s != nil && now >= t.deadline(s) {
		return true
	}
	return slices.ContainsFunc(t.settling, func(q *query) bool { return now >= q.sent.Until })
}

// changes are what an answer shows to have been changed of a probe. Of a message in
// fragments nobody verified the checksum.
func changes(s *wire.Transmission, ev *wire.Event, kind HopKind) []Change {
	if ev.Fragment {
		return nil
	}
	return Changes(s.Wire, &ev.Quote, kind)
}

// Changes compares a probe as it was sent, an IP packet, with what an ICMP error
// quotes of it. Checksums follow from the rest. The TTL counts only in a time-exceeded
// message, where 1 was left of it, or 0 with routers that count first.
func Changes(wire []byte, quote *craft.Quote, kind HopKind) (list []Change) {
	var p craft.Packet
	if p.Decode(wire, craft.TrustChecksums) != nil {
		return nil
	}
	sent := &p.Segment
	note := func(field string, changed bool, format string, was, is any) {
		if changed {
			list = append(list, Change{field, fmt.Sprintf(format, was), fmt.Sprintf(format, is)})
		}
	}
	note("tos", quote.TOS != sent.TOS, "%#02x", sent.TOS, quote.TOS)
	note("ttl", kind == HopTimeExceeded && quote.TTL > 1, "%d", 1, quote.TTL)
	note("id", quote.ID != sent.ID, "%d", sent.ID, quote.ID)
	note("src", quote.Src.Addr() != sent.Src.Addr(), "%v", sent.Src.Addr(), quote.Src.Addr())
	note("dst", quote.Dst.Addr() != sent.Dst.Addr(), "%v", sent.Dst.Addr(), quote.Dst.Addr())
	note("sport", quote.Src.Port() != sent.Src.Port(), "%d", sent.Src.Port(), quote.Src.Port())
	note("dport", quote.Dst.Port() != sent.Dst.Port(), "%d", sent.Dst.Port(), quote.Dst.Port())
	note("seq", quote.Seq != sent.Seq, "%d", sent.Seq, quote.Seq)
	note("flags", quote.HasFlags() && quote.Flags != sent.Flags, "%v", sent.Flags, quote.Flags)
	note("win", quote.HasWindow() && quote.Window != sent.Window, "%d", sent.Window, quote.Window)
	note("options", quote.HasOptions() && !slices.Equal(quote.Options, sent.Options), "%v", sent.Options, quote.Options)
	return list
}
