package live

import (
	"context"
	"sync"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/why"
)

// Bounds of a trace.
const (
	together    = 4 // hops asked at a time
	hopPatience = 450 * time.Millisecond
	mostSilent  = 5 // hops without an answer after which a trace is given up
)

// trace sends SYNs of one flow with growing TTL, a few hops at a time.
func (i *Instrument) trace(ctx context.Context, t *why.Trial) {
	t.Outcome = why.TraceEnds
	hops := make([]why.Hop, 0, t.Hops)
	for first := 1; first <= t.Hops && ctx.Err() == nil; first += together {
		part := make([]why.Hop, min(together, t.Hops-first+1))
		i.ask4(ctx, t, first, part)
		i.askSilent(ctx, t, part)
		hops = append(hops, part...)
		if over(hops) {
			break
		}
	}
	if ctx.Err() != nil {
		t.Outcome = why.NotMade
	}
	t.Reply.Path = upToTarget(hops)
}

// over reports whether a trace has come to its end: the target, or silence.
func over(hops []why.Hop) bool {
	silent := 0
	for _, h := range hops {
		if h.Target {
			return true
		}
		if silent++; h.Addr.IsValid() {
			silent = 0
		}
	}
	return silent > mostSilent
}

func upToTarget(hops []why.Hop) []why.Hop {
	for n, h := range hops {
		if h.Target {
			return hops[:n+1]
		}
	}
	return hops
}

// ask4 asks some hops at once.
func (i *Instrument) ask4(ctx context.Context, t *why.Trial, first int, part []why.Hop) {
	var all sync.WaitGroup
	replies := make([]why.Reply, len(part))
	for n := range part {
		part[n].TTL = first + n
		all.Go(func() { replies[n] = i.hop(ctx, *t, &part[n]) })
		sleep(ctx, 3*time.Millisecond)
	}
	all.Wait()
	for n := range replies {
		asked(t, &replies[n])
	}
}

// askSilent probes a second time the hops before the target that kept silent.
func (i *Instrument) askSilent(ctx context.Context, t *why.Trial, part []why.Hop) {
	for n := range part {
		if part[n].Target {
			return
		}
		if !part[n].Addr.IsValid() {
			reply := i.hop(ctx, *t, &part[n])
			asked(t, &reply)
		}
	}
}

// asked takes over what a hop's SYN left from, and what came beside its answer.
func asked(t *why.Trial, hop *why.Reply) {
	t.Reply.Port = hop.Port
	t.Reply.Discarded.Add(hop.Discarded)
}

// hop asks one hop: its exchange has a number of its own, which routers quote. Hops are
// asked at once, so each has a trial of its own, whose reply it returns.
func (i *Instrument) hop(ctx context.Context, trial why.Trial, h *why.Hop) why.Reply {
	trial.Reply.Discarded = why.Discarded{}
	k := i.newExchange(&trial, i.destination(&trial))
	defer k.end()
	if k.open(uint8(h.TTL)) != nil {
		return trial.Reply
	}
	ev, ok := k.waitVerified(ctx, i.patience(hopPatience), &trial)
	switch {
	case !ok && ctx.Err() != nil:
		k.interrupted()
	case !ok: // a SYN-ACK that comes later is a straggler
	case ev.icmp != nil && ev.icmp.Src == k.dst.Addr().WithZone(""): // the host's own ICMP error
		h.Addr, h.Target, h.Ours = ev.icmp.Src, true, ev.icmp.TTL
	case ev.icmp != nil:
		reason, _ := probe.ICMPMeaning(k.dst.Addr(), ev.icmp.Type, ev.icmp.Code)
		if h.Refuses = noWay[reason] || unreachable[reason]; h.Refuses || reason == probe.ReasonTimeExceeded {
			h.Addr, h.Ours = ev.icmp.Src, ev.icmp.TTL
		}
	case opens(&ev.seg):
		h.Addr, h.Target, h.Ours = ev.seg.Src.Addr(), true, ev.seg.TTL
		k.reset()
	default: // an RST, or an ACK of the SYN before it
		h.Addr, h.Target, h.Ours = ev.seg.Src.Addr(), true, ev.seg.TTL
		if !ev.seg.Flags.Has(craft.RST) {
			s := k.segment(craft.RST, ev.seg.Ack, 0)
			k.send(&s)
		}
	}
	return trial.Reply
}
