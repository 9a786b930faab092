package trace

import (
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// expire gives up the probes whose time is over, and forgets those that nothing can
// come for any more.
func (w *watcher) expire(in *wire.Receiver) {
	now := w.Now
	if s := w.Flying.Waiting(); s != nil && now-s.Tx.Sent >= w.cfg.Timeout {
		w.CatchUp(in)
	}
	for s := w.Flying.Waiting(); s != nil && now-s.Tx.Sent >= w.cfg.Timeout; s = w.Flying.Waiting() {
		w.Flying.Pop()
		s.Ended = true
		if s.First != nil {
			s.Close(&w.Responses)
			continue
		}
		w.persist(s)
		if w.opened && int(s.TTL) >= w.reach && w.reach > 0 {
			s.Close(&w.Responses)
		}
		if int(s.TTL) == w.reach {
			w.beyond++
			w.losing = w.losing || w.opened && s.N > w.since
		}
		w.hand(s, w.unanswered(s))
	}
	w.expireHalf()
	for len(w.Table.List) > 0 && (w.Table.List[0].Ended || w.Table.List[0].WarmUp) && now-w.Table.List[0].Tx.Sent > max(2*w.cfg.Timeout, wire.UnresolvedAfter) {
		w.Table.Forget(w.Table.List[0])
	}
}

// unanswered is what is shown of a probe whose SYN nothing answered: the RST to a question about
// another, if one came.
func (w *watcher) unanswered(s *wire.Transmission) Hop {
	if s.Outcome.Rank != wire.RankAsked {
		return Hop{Kind: HopNone}
	}
	w.locate(s, HopReset)
	return Hop{Kind: HopReset, Addr: w.cfg.Target.Addr()}
}

// persist sends the last SYN of a round once more, while nothing has come from the target
// (probe/internal/wire/same.go says why). What answers it says what the port is, and not how far away.
func (w *watcher) persist(s *wire.Transmission) {
	if s != w.latest || w.proved || !w.MayPersist(s, w.cfg.Timeout) {
		return
	}
	if again, ok := w.Persist(s); ok {
		w.Flying.Push(again)
	}
}

// hand gives a probe to the sink. What was sent behind the end, before that was
// known, is not shown.
func (w *watcher) hand(s *wire.Transmission, h Hop) {
	h.TTL, h.Query = int(s.TTL), int(s.N)
	if w.reach > 0 && h.TTL > w.reach {
		return
	}
	if err := w.sink(h); err != nil {
		w.Fail(err)
	}
}

// accept lets an answer take effect on its probe, or says why it does not.
func (w *watcher) accept(ev *wire.Event) (reject string) {
	s := w.Table.At(ev.Attempt)
	if !ev.Kind.Verified() {
		s = w.Table.Concerned(ev)
	}
	switch {
	case s == nil:
		return wire.RejectUnsolicited
	case s.N > w.Said.N+lostEnd: // what it said before may hold no more
		w.Said = wire.Said{}
	}
	if done, reject := w.Hear(s, ev, w.cfg.MaxHops); done {
		return reject
	}
	if ev.Kind == wire.KindACK && !s.Outcome.Asked() && w.meets(s) {
		return wire.RejectUnsolicited
	}
	do, reject := w.Weigh(s, ev)
	switch {
	case do == wire.ActRenew, do == wire.ActShrink:
		w.small = w.small || do == wire.ActShrink
		return reject
	case reject != "":
		return reject
	case s.Ended:
		return wire.RejectAfterVerdict
	}
	switch ev.Kind {
	case wire.KindSYNACK, wire.KindReset, wire.KindICMP, wire.KindACK:
		w.answered(s, ev)
	}
	return ""
}

// answered hands an answered probe on.
func (w *watcher) answered(s *wire.Transmission, ev *wire.Event) {
	s.Ended, s.Answered = true, ev.Kind.Verified()
	if ev.Kind == wire.KindSYNACK {
		w.closeLater(s)
	}
	h := Hop{}
	h.Kind, h.Addr = hopKind(w.cfg.Target.Addr(), ev)
	h.Addr = w.Network.InZone(h.Addr, ev.Link)
	if ev.Kind == wire.KindICMP {
		icmp := ev.ICMP
		h.ICMP, h.Changes = &icmp, changes(s, ev, h.Kind)
	}
	w.timed(s, ev, &h)
	w.locate(s, h.Kind)
	w.hand(s, h)
}

// timed gives an answer its time. That of the last router tells how long the way to the target
// takes at least.
func (w *watcher) timed(s *wire.Transmission, ev *wire.Event, h *Hop) {
	h.RTT, h.Clock, h.Doubt = w.Measure(s, ev, &w.Trips)
	if h.Kind == HopTimeExceeded && int(s.TTL) == w.reach-1 {
		w.Trips.Takes(s.Took(ev, w.Reading))
	}
}

// locate takes note of where the way ends. A router that answers from further shows
// that it has become longer.
func (w *watcher) locate(s *wire.Transmission, kind HopKind) {
	ttl := int(s.TTL)
	if kind == HopTimeExceeded {
		w.routers = max(w.routers, ttl)
		if ttl >= w.reach && w.reach > 0 {
			w.reach, w.proved = 0, false
		}
		return
	}
	if kind == HopSYNACK && !w.opened {
		w.opened, w.since = true, w.round
	}
	if w.best == nil || s.Outcome.Rank >= w.best.Outcome.Rank || w.best.N+lostEnd < s.N {
		w.best = s
	}
	target := kind != HopUnreachable && s.Outcome.Rank != wire.RankAsked
	switch {
	case w.proved && !target: // a disturbance
		return
	case w.reach == 0, target && !w.proved, w.beyond >= lostEnd:
	case ttl > w.reach, ttl < w.reach && w.cfg.Flow == probe.FlowVary: // flows whose paths differ in length
		return
	}
	w.reach, w.proved, w.beyond = ttl, target, 0
}
