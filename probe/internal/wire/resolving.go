package wire

import (
	"math"
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// resolved is a host whose link address is being asked for, and how.
type resolved[H any] struct {
	host  H
	addr  netip.Addr
	route netraw.Route
}

// Resolving are the hosts of a run whose link address is being asked for.
type Resolving[H any] struct {
	neighbours probe.Neighbours // nil: the kernel asks, packet by packet
	waiting    map[netip.Addr]resolved[H]
	found      []netraw.Neighbour
}

func NewResolving[H any](n probe.Neighbours) Resolving[H] {
	return Resolving[H]{neighbours: n, waiting: map[netip.Addr]resolved[H]{}}
}

// Asks tells whether hosts are resolved before they are probed.
func (r *Resolving[H]) Asks() bool { return r.neighbours != nil }

// Ask asks for a host's link address. What is known already is returned; what is
// not, Poll tells later.
func (r *Resolving[H]) Ask(a netip.Addr, route netraw.Route, h H) (n netraw.Neighbour, known bool) {
	n = r.neighbours.AskRoute(a, route)
	if n.State != netraw.NeighbourPending {
		return n, true
	}
	r.waiting[n.Addr] = resolved[H]{h, a, route}
	return n, false
}

// Waiting is how many hosts are being asked for.
func (r *Resolving[H]) Waiting() int { return len(r.waiting) }

// Review hands out what somebody else has polled for meanwhile.
func (r *Resolving[H]) Review(resolved func(H, *netraw.Neighbour)) {
	for a, w := range r.waiting {
		if n := r.neighbours.AskRoute(w.addr, w.route); n.State != netraw.NeighbourPending {
			delete(r.waiting, a)
			resolved(w.host, &n)
		}
	}
}

// Poll hands out what was found since, and has the questions of others go on.
func (r *Resolving[H]) Poll(resolved func(H, *netraw.Neighbour)) {
	if r.neighbours == nil {
		return
	}
	if _, pending := r.neighbours.Next(); !pending {
		return
	}
	r.found = r.neighbours.Poll(r.found[:0])
	for i := range r.found {
		n := &r.found[i]
		if w, asked := r.waiting[n.Addr]; asked {
			delete(r.waiting, n.Addr)
			resolved(w.host, n)
		}
	}
}

// WakeUp is when to poll.
func (r *Resolving[H]) WakeUp(now time.Duration) time.Duration {
	if r.neighbours != nil {
		if wait, ok := r.neighbours.Next(); ok {
			return now + wait
		}
	}
	return math.MaxInt64
}

// Ready receives when there is something to poll; nil is never.
func (r *Resolving[H]) Ready() <-chan struct{} {
	if r.neighbours == nil {
		return nil
	}
	return r.neighbours.Ready()
}
