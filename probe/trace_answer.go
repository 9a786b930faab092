package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
)

// acceptAnswer lets an answer take effect on its probe, or says why it does not.
func (t *tracer) acceptAnswer(ev *event) (reject string) {
	if ev.kind == answerChallenge {
		return t.challenged(ev)
	}
	if !ev.kind.verified() || ev.kind == answerPathMTU {
		return rejectUnsolicited
	}
	s := t.table.at(ev.attempt)
	if s == nil || s.ended {
		return rejectDuplicate
	}
	s.ended = true
	if q := t.query(s); q != nil {
		t.answered(q, ev)
		return ""
	}
	return rejectDuplicate
}

// query is the place in the grid that a transmission stands for, nil if none
// or if another has taken its place.
func (t *tracer) query(s *shot) *query {
	if s.errand || t.grid[s.index][s.n].shot != s {
		return nil
	}
	return t.grid[s.index][s.n]
}

// challenged takes an ACK from a target that is half open already (RFC 9293
// §3.10.7.4). It acknowledges the SYN that opened it, so it names a probe that
// has arrived although the SYN-ACK to it was lost.
func (t *tracer) challenged(ev *event) string {
	id, ok := t.table.attempt(ev.seg.Dst, ev.seg.Src, func(n numbers) bool { return n.seq.Add(1) == ev.seg.Ack })
	if !ok {
		return rejectBadAck
	}
	s := t.table.at(id)
	q := t.query(s)
	if q == nil || q.ended {
		return rejectDuplicate
	}
	t.resets = append(t.resets, s.closing())
	opened := *ev
	opened.kind = answerSYNACK
	t.arrived(&query{Hop: Hop{TTL: q.TTL, Kind: HopSYNACK}}, &opened)
	return ""
}

// answered writes an answer into the grid.
func (t *tracer) answered(q *query, ev *event) {
	q.ended = true
	t.longest = max(t.longest, t.now-q.shot.tx.sent)
	q.Kind, q.Addr = hopKind(t.cfg.Target.Addr(), ev)
	q.RTT, q.Clock = q.shot.tx.elapsed(ev.at, q.shot.handed.wall, t.now)
	switch {
	case q.shot.handed.stepped(t.reading):
		q.Doubt, q.RTT = DoubtClockStep, 0
	case q.Clock == netraw.ClockKernel && time.Unix(0, q.shot.tx.left).Sub(q.shot.back) > heldBack:
		q.Doubt = DoubtCold
	}
	if ev.kind == answerICMP {
		icmp := ev.icmp
		q.ICMP = &icmp
		q.Changes = changes(q.shot.wire, &ev.quote, q.Kind)
	}
	if q.Kind.last() {
		t.arrived(q, ev)
	} else {
		t.routers = max(t.routers, q.TTL)
	}
}

// hopKind is what an answer says of a hop, and who gave it.
func hopKind(target netip.Addr, ev *event) (HopKind, netip.Addr) {
	switch {
	case ev.kind == answerSYNACK:
		return HopSYNACK, ev.seg.Src.Addr()
	case ev.kind == answerReset:
		return HopReset, ev.seg.Src.Addr()
	case timeExceeded(target, ev.icmp):
		return HopTimeExceeded, ev.sender
	}
	return HopUnreachable, ev.sender
}

func timeExceeded(target netip.Addr, icmp ICMPCode) bool {
	if target.Is4() {
		return icmp.Type == icmp4TimeExceeded
	}
	return icmp.Type == icmp6TimeExceeded
}

// arrived takes note of an end of the way. Probes in the air that may have met
// the half-open connection behind a SYN-ACK are sent again from other ports.
func (t *tracer) arrived(q *query, ev *event) {
	if t.last != 0 && (q.TTL > t.last || q.TTL == t.last && t.verdict.RTT > 0) {
		return
	}
	t.last = q.TTL
	t.verdict = judge(t.matcher.tech, t.cfg.Target, ev)
	t.verdict.RTT, t.verdict.Clock = q.RTT, q.Clock
	if q.Kind != HopSYNACK || t.cfg.Flow == FlowVary {
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
	for s := t.flying.waiting(); s != nil && t.now >= t.deadline(s); s = t.flying.waiting() {
		s.ended = true
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
