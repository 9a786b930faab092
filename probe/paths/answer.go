package paths

import (
	"net/netip"
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/trace"
)

// accept takes an answer, or says why it does not count. All answers to a probe are kept:
// a router that saw it expire shows that an RST besides came from a middlebox.
func (r *runner) accept(ev *wire.Event) (reject string) {
	if s := r.Table.At(ev.Attempt); s != nil && ev.Kind.Verified() && s.First != nil {
		_, reject = r.Hear(s, ev, r.cfg.MaxHops)
		return reject
	}
	p := r.concerned(ev)
	if p == nil {
		return wire.RejectUnsolicited
	}
	if done, reject := r.Hear(p.Transmission, ev, r.cfg.MaxHops); done {
		return reject
	}
	do, reject := r.Weigh(p.Transmission, ev)
	switch {
	case do == wire.ActRenew, do == wire.ActShrink:
		r.small = r.small || do == wire.ActShrink
		r.repeat(p)
	case ev.Kind == wire.KindSYNACK, ev.Kind == wire.KindReset, ev.Kind == wire.KindAskedReset, ev.Kind == wire.KindICMP, ev.Kind == wire.KindACK && reject == "":
		return r.note(p, ev)
	}
	return reject
}

// concerned is the transmission that an answer is about; nil: none.
func (r *runner) concerned(ev *wire.Event) *sending {
	s := r.Table.At(ev.Attempt)
	if !ev.Kind.Verified() {
		s = r.Table.Concerned(ev)
	}
	if s == nil || s.WarmUp || s.ID >= len(r.sent) {
		return nil
	}
	return r.sent[s.ID]
}

// repeat lets a probe be sent again that was not answered because of an old connection of
// the target, or because of its size.
func (r *runner) repeat(p *sending) {
	if !p.Ended {
		p.Ended, p.attempt.lost, p.attempt.aside, r.changed = true, true, true, true
		r.hop(p.pair.ttl).recalled(p.pair, r.Now)
	}
}

// note enters an answer, unless the same is there.
func (r *runner) note(p *sending, ev *wire.Event) (reject string) {
	kind, addr := kindOf(r.cfg.Target.Addr(), ev)
	addr = r.Network.InZone(addr, ev.Link)
	if slices.ContainsFunc(p.attempt.answers, func(a Answer) bool { return a.Kind == kind && a.Addr == addr }) {
		return wire.RejectDuplicate
	}
	a := Answer{Kind: kind, Addr: addr, TTL: ev.Seg.TTL}
	r.measure(p, ev, &a)
	if ev.Kind == wire.KindICMP {
		icmp := ev.ICMP
		a.ICMP = &icmp
	}
	if ev.Kind == wire.KindICMP && !ev.Fragment { // of which somebody verified the checksum
		a.Changes = trace.Changes(p.Wire, &ev.Quote, kind)
	}
	p.attempt.answers = append(p.attempt.answers, a)
	r.changed = true
	h := r.hop(p.pair.ttl)
	if !p.Ended {
		p.Ended = true
		h.flying--
	}
	router := addr
	if kind != trace.HopTimeExceeded {
		router = netip.Addr{}
	}
	h.answered(p.pair, router, r.Now)
	r.reached(p, kind, ev)
	return ""
}

// reached takes note of an answer of the target's own.
func (r *runner) reached(p *sending, kind trace.HopKind, ev *wire.Event) {
	if kind == trace.HopTimeExceeded {
		return
	}
	if r.best == nil || p.Outcome.Rank > r.best.Outcome.Rank {
		r.best = p
	}
	if kind != trace.HopSYNACK {
		r.settle = max(r.settle, r.Now+r.grace(p, p.Took(ev, r.Reading)))
	}
	if kind == trace.HopUnreachable || p.Outcome.Rank == wire.RankAsked {
		return
	}
	opened, nearer := kind == trace.HopSYNACK && !r.opened, r.nearest == 0 || p.pair.ttl < r.nearest
	r.opened = r.opened || opened
	if nearer {
		r.nearest = p.pair.ttl
	}
	if opened || nearer {
		r.closeEarlier()
	}
}

// grace is how long a better answer than the present one, which took so long, is waited for.
func (r *runner) grace(p *sending, took time.Duration) time.Duration {
	return max(p.Outcome.Grace(p.Src.Addr(), 0, took, r.cfg.Timeout), wire.Grace(p.Outcome.Rank, r.longest, 0, r.cfg.Timeout))
}

// closeEarlier sends RSTs for earlier SYNs that may have reached the target, before it was
// known to be so near, or to accept.
func (r *runner) closeEarlier() {
	for _, p := range r.sent {
		if p != nil {
			r.close(p)
		}
	}
}

// measure gives an answer its time.
func (r *runner) measure(p *sending, ev *wire.Event, a *Answer) {
	if a.RTT, a.Clock, a.Doubt = r.Measure(p.Transmission, ev, &r.Trips); a.RTT == 0 {
		return
	}
	r.longest = max(r.longest, p.Took(ev, r.Reading))
}

// kindOf is what an answer says of a hop, and who gave it.
func kindOf(target netip.Addr, ev *wire.Event) (trace.HopKind, netip.Addr) {
	switch ev.Kind {
	case wire.KindSYNACK, wire.KindACK:
		return trace.HopSYNACK, ev.Seg.Src.Addr()
	case wire.KindReset, wire.KindAskedReset:
		return trace.HopReset, ev.Seg.Src.Addr()
	}
	if reason, _ := probe.ICMPMeaning(target, ev.ICMP.Type, ev.ICMP.Code); reason == probe.ReasonTimeExceeded {
		return trace.HopTimeExceeded, ev.Sender
	}
	return trace.HopUnreachable, ev.Sender
}
