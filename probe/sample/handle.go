package sample

import (
	"fmt"
	"slices"

	"synscope/craft"
	"synscope/probe/internal/wire"
	"synscope/probe/isn"
)

// seenLeaving notes the kernel's stamp of a SYN. What it waited there, for its
// neighbour's address, is none of the answer's time.
func (e *engine) seenLeaving(t *wire.Transmission, ev *wire.Event) {
	if t.Tx.Left != 0 || ev.Kind != wire.KindDeparture {
		return
	}
	t.Left(ev, e.Reading)
	if s := e.active[t.Dst]; s != nil && s.probe != nil && s.probe.find(t) != nil && !s.probe.settled {
		s.probe.deadline = max(s.probe.deadline, t.Tx.Sent+s.probe.wait(t))
	}
}

// accept lets an answer take effect, or says why it is rejected. The loop has
// queued the RST for a SYN-ACK already.
func (e *engine) accept(ev *wire.Event) (reject string) {
	s := e.active[ev.Target]
	switch {
	case s == nil && ev.Kind.Verified():
		return wire.RejectAfterVerdict
	case s == nil:
		return wire.RejectUnsolicited
	case ev.Kind.Verified():
		return s.verified(e.Table.At(ev.Attempt), ev)
	}
	return s.unverified(ev)
}

// strayed takes note of what answers no SYN, and is told of one.
func (e *engine) strayed(t *wire.Transmission, x wire.Stray) {
	if s := e.active[t.Dst]; s != nil && s.probe != nil && s.probe.find(t) != nil {
		s.probe.outcome.NoteStray(x)
	}
}

// verified takes an answer that names its transmission.
func (s *series) verified(t *wire.Transmission, ev *wire.Event) string {
	if t == nil {
		return wire.RejectUnsolicited
	}
	x := s.probe
	switch {
	case x == nil:
		return s.stray(t, ev)
	case ev.Kind == wire.KindACK && x.asked != t:
		return x.standsInTheWay(ev)
	case x.find(t) == nil:
		return s.stray(t, ev)
	}
	if ev.Kind == wire.KindSYNACK && s.copied(x, t, ev) {
		return wire.RejectDuplicate
	}
	return x.take(x.find(t), ev)
}

// stray takes what belongs to a transmission whose step is over. A SYN-ACK is a
// copy, or comes from a half-open connection that our RST has not reached.
func (s *series) stray(t *wire.Transmission, ev *wire.Event) string {
	if s.late.TakeLate(s.Matcher.Tech, s.res.Target, ev) && t.First == nil && t.Next == nil {
		s.persistence.AnsweredFirst()
	}
	number, known := s.numbers[t.ID]
	_, noted := s.gaps[t.ID]
	switch {
	case ev.Kind != wire.KindSYNACK || !known:
		return wire.RejectAfterVerdict
	case number != ev.Seg.Seq && !noted:
		s.answeredTwice(number, ev.Seg.Seq)
		s.gap(t, ev)
	}
	return wire.RejectDuplicate
}

// unverified takes an answer that carries no number of ours: it concerns the
// newest SYN of its flow, if it came after that had left.
func (s *series) unverified(ev *wire.Event) string {
	t := s.Table.Concerned(ev)
	if t == nil || s.probe == nil || s.probe.find(t) == nil {
		return wire.RejectUnsolicited
	}
	ev.Attempt = t.ID
	return s.probe.take(s.probe.find(t), ev)
}

// copied tells a copy of the last answer, which the network made, from an
// answer to the same SYN sent anew: it is the same to the last bit and comes
// sooner than any answer could.
func (s *series) copied(x *trial, t *wire.Transmission, ev *wire.Event) bool {
	last, now := s.last, &ev.Seg
	return x.step.SameISN && last != nil &&
		last.Seq == now.Seq && last.ID == now.ID && last.Window == now.Window && last.TTL == now.TTL &&
		slices.Equal(last.Options, now.Options) && ev.At.Sub(t.Handed.Wall) < s.shortest/2
}

// answeredTwice notes that one SYN was answered with two numbers.
func (s *series) answeredTwice(first, second craft.Seq) {
	if s.res.Twice++; s.res.Twice == 1 {
		s.res.twice = fmt.Sprintf("first %d and then %d to one of them", first, second)
	}
}

// gap notes a number that the host drew between two samples: its place in the
// order is known, what asked for it is not worth knowing. It is closed although
// the SYN's first connection may have been a moment ago.
func (s *series) gap(t *wire.Transmission, ev *wire.Event) {
	s.gaps[t.ID] = ev.Seg.Seq
	s.Responses.Insist(wire.CloseAfter(ev))
	sample := isn.Sample{Series: "copy", Src: t.Src.Addr(), SrcPort: isn.Some(t.Src.Port()), ClientISN: isn.Some(t.Numbers.Seq)}
	if !ev.At.IsZero() {
		sample.Sent = isn.Some(s.clock.stamp(ev.At, s.Reading))
	}
	s.keep(sample)
}
