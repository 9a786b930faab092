package wire

import (
	"math"
	"net/netip"
	"slices"
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

// Resolving are the hosts of a run whose link address is being asked for. A host that does not
// answer in time is given up only when the run has nothing else to do, or some time later: its
// answer may be late.
type Resolving[H any] struct {
	neighbours probe.Neighbours // nil: the kernel asks, packet by packet
	waiting    map[netip.Addr]resolved[H]
	late       []late[H] // the oldest first
	found      []netraw.Neighbour
}

// late is a host that did not answer in time.
type late[H any] struct {
	resolved[H]
	netraw.Neighbour
	until time.Duration // when it is given up
}

// lateFor is how long answers may still come, as a rule (see [netraw.Neighbours.Poll]).
const lateFor = 250 * time.Millisecond

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

// AskAgain asks anew for the link address that leads to a host, if that is possible: the host or
// its next hop may have got another one. The kernel goes by the outcome, and with it all that is
// sent.
func (r *Resolving[H]) AskAgain(a netip.Addr, route netraw.Route) {
	again, ok := r.neighbours.(interface {
		AskAgain(dst netip.Addr, route netraw.Route) netraw.Neighbour
	})
	if ok {
		again.AskAgain(a, route)
	}
}

// Waiting is how many hosts are being asked for, or may still answer.
func (r *Resolving[H]) Waiting() int { return len(r.waiting) + len(r.late) }

// Asked is how many hosts are being asked for.
func (r *Resolving[H]) Asked() int { return len(r.waiting) }

// Review hands out what somebody else has polled for meanwhile.
func (r *Resolving[H]) Review(now time.Duration, resolved func(H, *netraw.Neighbour)) {
	for a, w := range r.waiting {
		if n := r.neighbours.AskRoute(w.addr, w.route); n.State != netraw.NeighbourPending {
			delete(r.waiting, a)
			r.take(now, w, &n, resolved)
		}
	}
	r.late = slices.DeleteFunc(r.late, func(l late[H]) bool {
		n := r.neighbours.AskRoute(l.addr, l.route)
		if n.State == netraw.NeighbourResolved {
			resolved(l.host, &n)
		}
		return n.State == netraw.NeighbourResolved
	})
}

// take hands out what was found of a host, or lets one that did not answer wait.
func (r *Resolving[H]) take(now time.Duration, w resolved[H], n *netraw.Neighbour, resolved func(H, *netraw.Neighbour)) {
	if n.State == netraw.NeighbourFailed {
		r.late = append(r.late, late[H]{w, *n, now + lateFor})
		return
	}
	resolved(w.host, n)
}

// Poll hands out what was found since, and has the questions of others go on; busy tells
// whether the run has anything else to do than to wait for hosts that did not answer.
func (r *Resolving[H]) Poll(now time.Duration, busy bool, resolved func(H, *netraw.Neighbour)) {
	if r.neighbours == nil {
		return
	}
	if _, pending := r.neighbours.Next(); pending {
		r.found = r.neighbours.Poll(r.found[:0])
		for i := range r.found {
			r.answer(now, &r.found[i], resolved)
		}
	}
	over := 0
	for over < len(r.late) && (r.late[over].until <= now || !busy && len(r.waiting) == 0) {
		over++
	}
	gone := slices.Clone(r.late[:over])
	r.late = slices.Delete(r.late, 0, over)
	for i := range gone {
		resolved(gone[i].host, &gone[i].Neighbour)
	}
}

// answer takes in one answer, or that there was none.
func (r *Resolving[H]) answer(now time.Duration, n *netraw.Neighbour, resolved func(H, *netraw.Neighbour)) {
	if w, asked := r.waiting[n.Addr]; asked {
		delete(r.waiting, n.Addr)
		r.take(now, w, n, resolved)
		return
	}
	if i := slices.IndexFunc(r.late, func(l late[H]) bool { return l.Addr == n.Addr }); i >= 0 && n.State == netraw.NeighbourResolved {
		host := r.late[i].host
		r.late = slices.Delete(r.late, i, i+1)
		resolved(host, n)
	}
}

// WakeUp is when to poll.
func (r *Resolving[H]) WakeUp(now time.Duration) time.Duration {
	wake := time.Duration(math.MaxInt64)
	if len(r.late) > 0 {
		wake = r.late[0].until
	}
	if r.neighbours != nil {
		if wait, ok := r.neighbours.Next(); ok {
			wake = min(wake, now+wait)
		}
	}
	return wake
}

// Ready receives when there is something to poll; nil is never.
func (r *Resolving[H]) Ready() <-chan struct{} {
	if r.neighbours == nil {
		return nil
	}
	return r.neighbours.Ready()
}
