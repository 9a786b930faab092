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
	if ev.Kind == wire.KindChallenge {
		return t.challenged(ev)
	}
	if !ev.Kind.Verified() || ev.Kind == wire.KindPathMTU {
		return wire.RejectUnsolicited
	}
	s := t.Table.At(ev.Attempt)
	if s == nil || s.Ended {
		return wire.RejectDuplicate
	}
	s.Ended = true
	if q := t.query(s); q != nil {
		t.answered(q, ev)
		return ""
	}
	return wire.RejectDuplicate
}

// query is the place in the grid that a transmission stands for, nil if none
// or if another has taken its place.
func (t *tracer) query(s *wire.Transmission) *query {
	if s.Errand || t.grid[s.Index][s.N].shot != s {
		return nil
	}
	return t.grid[s.Index][s.N]
}

// challenged takes an ACK from a target that is half open already (RFC 9293
// §3.10.7.4). It acknowledges the SYN that opened it, so it names a probe that
// has arrived although the SYN-ACK to it was lost.
func (t *tracer) challenged(ev *wire.Event) string {
	id, ok := t.Table.Attempt(ev.Seg.Dst, ev.Seg.Src, func(n wire.Numbers) bool { return n.Seq.Add(1) == ev.Seg.Ack })
	if !ok {
		return wire.RejectBadAck
	}
	s := t.Table.At(id)
	q := t.query(s)
	if q == nil || q.ended {
		return wire.RejectDuplicate
	}
	t.Resets = append(t.Resets, s.Closing())
	opened := *ev
	opened.Kind = wire.KindSYNACK
	t.arrived(&query{Hop: Hop{TTL: q.TTL, Kind: HopSYNACK}}, &opened)
	return ""
}

// answered writes an answer into the grid.
func (t *tracer) answered(q *query, ev *wire.Event) {
	q.ended = true
	t.longest = max(t.longest, t.Now-q.shot.Tx.Sent)
	q.Kind, q.Addr = hopKind(t.cfg.Target.Addr(), ev)
	q.RTT, q.Clock = q.shot.Tx.Elapsed(ev.At, q.shot.Handed.Wall, t.Now)
	switch {
	case q.shot.Handed.Stepped(t.Reading):
		q.Doubt, q.RTT = probe.DoubtClockStep, 0
	case q.Clock == netraw.ClockKernel && time.Unix(0, q.shot.Tx.Left).Sub(q.shot.Back) > wire.HeldBack:
		q.Doubt = probe.DoubtCold
	}
	if ev.Kind == wire.KindICMP {
		icmp := ev.ICMP
		q.ICMP = &icmp
		q.Changes = changes(q.shot.Wire, &ev.Quote, q.Kind)
	}
	if q.Kind.last() {
		t.arrived(q, ev)
	} else {
		t.routers = max(t.routers, q.TTL)
	}
}

// hopKind is what an answer says of a hop, and who gave it.
func hopKind(target netip.Addr, ev *wire.Event) (HopKind, netip.Addr) {
	switch {
	case ev.Kind == wire.KindSYNACK:
		return HopSYNACK, ev.Seg.Src.Addr()
	case ev.Kind == wire.KindReset:
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

// arrived takes note of an end of the way. Probes in the air that may have met
// the half-open connection behind a SYN-ACK are sent again from other ports.
func (t *tracer) arrived(q *query, ev *wire.Event) {
	if t.last != 0 && (q.TTL > t.last || q.TTL == t.last && t.verdict.RTT > 0) {
		return
	}
	t.last = q.TTL
	t.verdict = wire.Judge(t.Matcher.Tech, t.cfg.Target, ev)
	t.verdict.RTT, t.verdict.Clock = q.RTT, q.Clock
	if q.Kind != HopSYNACK || t.cfg.Flow == probe.FlowVary {
		return
	}
	t.aside = true
	for _, queries := range t.grid[t.routers:t.last] {
		for _, other := range queries {
			if other.shot != nil && !other.ended && !other.aside {
				other.aside = true
				t.again = append(t.again, other)
			}
		}
	}
}

// expire gives up the probes whose time is over.
func (t *tracer) expire() {
	for s := t.Flying.Waiting(); s != nil && t.Now >= t.deadline(s); s = t.Flying.Waiting() {
		s.Ended = true
		if q := t.query(s); q != nil {
			q.ended = true
		}
	}
}

// changes compares a probe as it was sent with what an ICMP error quotes of it.
// Checksums follow from the rest. The TTL counts only in a time-exceeded
// message, where 1 was left of it, or 0 with routers that count first.
func changes(wire []byte, quote *craft.Quote, kind HopKind) (list []Change) {
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
