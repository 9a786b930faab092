package wide

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
)

// Neighbours finds out which targets on the link are there, without waiting for
// any: [netraw.Neighbours] is one.
type Neighbours interface {
	Ask(dst netip.Addr) netraw.Neighbour
	Poll(found []netraw.Neighbour) []netraw.Neighbour
	Ready() <-chan struct{}
	Next() (time.Duration, bool)
	Forget(dst netip.Addr)
}

// ErrNoNeighbour: a target on the link has no link address there: nobody answers
// ARP or neighbour solicitations for it.
var ErrNoNeighbour = errors.New("its link address does not resolve: nobody on the link has it")

// NeighboursBehind is a Neighbours that also knows targets off the link that nothing can be
// sent to, since their next hop does not answer: Asks tells by their route, and Ask has them
// as failed.
type NeighboursBehind interface {
	Neighbours
	Asks(route netraw.Route) bool
}

// asksOf is the Asks of those that have it.
func asksOf(n Neighbours) func(netraw.Route) bool {
	if behind, ok := n.(NeighboursBehind); ok {
		return behind.Asks
	}
	return nil
}

// mostNeighbours bounds how many are remembered; others are left to the kernel.
const mostNeighbours = 1 << 20

// neighbourWait holds the probes of targets on the link until their link
// addresses are known, so that none of them waits in the kernel, in the way of
// others.
type neighbourWait struct {
	net     Neighbours
	known   map[netip.Addr]netraw.NeighbourState
	waiting map[netip.Addr][]delayed
	held    int                      // probes in waiting
	lowest  []uint64                 // the lowest position of these, by attempt; nil: to be looked for
	gone    map[netip.Addr][]delayed // probes given up, of neighbours that may still answer
	kept    int                      // probes in gone
	found   []netraw.Neighbour
}

func newNeighbourWait(n Neighbours) *neighbourWait {
	return &neighbourWait{net: n, known: map[netip.Addr]netraw.NeighbourState{}, waiting: map[netip.Addr][]delayed{}, gone: map[netip.Addr][]delayed{}}
}

// state is what is known of an address; at first it is asked for.
func (n *neighbourWait) state(a netip.Addr) netraw.NeighbourState {
	if state, ok := n.known[a]; ok {
		return state
	}
	if len(n.known) >= mostNeighbours {
		return netraw.NeighbourUnneeded
	}
	state := n.net.Ask(a).State
	n.known[a] = state
	return state
}

// askAgain has the link addresses asked for anew that lead to targets, where that can be: what comes of it
// the kernel goes by.
func (n *neighbourWait) askAgain(targets []craft.Fields) {
	if n == nil {
		return
	}
	again, ok := n.net.(interface {
		AskAgain(dst netip.Addr) netraw.Neighbour
	})
	for i := range targets {
		if ok {
			again.AskAgain(targets[i].Dst.Addr())
		}
	}
}

// ready wakes the sender when the kernel has told something.
func (n *neighbourWait) ready() <-chan struct{} {
	if n == nil {
		return nil
	}
	return n.net.Ready()
}

// next is when to look again.
func (n *neighbourWait) next(now time.Duration) time.Duration {
	if n == nil {
		return never
	}
	if wait, ok := n.net.Next(); ok {
		return now + wait
	}
	return never
}

func (n *neighbourWait) full() bool { return n != nil && n.held >= mostDelayed }

// count is how many probes wait.
func (n *neighbourWait) count() int {
	if n == nil {
		return 0
	}
	return n.held
}

// lower keeps the positions of passes at those of the probes that wait.
func (n *neighbourWait) lower(passes []uint64, last int) {
	if n == nil || n.held == 0 {
		return
	}
	if n.lowest == nil { // which is worth remembering: it is asked for each time that probes leave
		for _, list := range n.waiting {
			for i := range list {
				n.note(&list[i])
			}
		}
	}
	for attempt, at := range n.lowest {
		i := min(attempt, last)
		passes[i] = min(passes[i], at)
	}
}

// note takes in where a probe is that waits.
func (n *neighbourWait) note(d *delayed) {
	for len(n.lowest) <= d.attempt {
		n.lowest = append(n.lowest, math.MaxUint64)
	}
	n.lowest[d.attempt] = min(n.lowest[d.attempt], d.position)
}

// drop removes the probes that a cursor will come to again.
func (n *neighbourWait) drop(from []uint64) {
	if n == nil {
		return
	}
	n.lowest = nil
	for addr, list := range n.waiting {
		before := len(list)
		list = slices.DeleteFunc(list, func(x delayed) bool { return x.ahead(from) })
		n.held -= before - len(list)
		n.waiting[addr] = list
	}
	for addr, list := range n.gone {
		before := len(list)
		list = slices.DeleteFunc(list, func(x delayed) bool { return x.ahead(from) })
		n.kept -= before - len(list)
		n.gone[addr] = list
	}
}

// goBack forgets what was not found during an outage.
func (n *neighbourWait) goBack() {
	if n == nil {
		return
	}
	for addr, state := range n.known {
		if state == netraw.NeighbourFailed {
			n.net.Forget(addr)
			delete(n.known, addr)
		}
	}
	n.gone, n.kept = map[netip.Addr][]delayed{}, 0 // the passes come to them again
}

// resolved is the probes at the front whose targets can be sent to. Those
// before them that cannot, or not yet, are taken from the cursor.
func (s *sender) resolved(c *cursor, probes []craft.Fields) []craft.Fields {
	ready := 0
	for ready < len(probes) && !s.neighbour.full() {
		state := s.neighbour.state(probes[ready].Dst.Addr())
		if state != netraw.NeighbourPending && state != netraw.NeighbourFailed {
			ready++
			continue
		}
		if ready > 0 {
			break
		}
		s.withhold(c, probes[0], state)
		probes = probes[1:]
	}
	return probes[:ready]
}

// withhold lets a probe wait for its neighbour, or gives it up.
func (s *sender) withhold(c *cursor, p craft.Fields, state netraw.NeighbourState) {
	d := delayed{probe: p, attempt: c.attempt, position: c.chunk.at(c.used)}
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := p.Dst.Addr()
	if n := s.neighbour; state == netraw.NeighbourPending {
		n.waiting[addr] = append(n.waiting[addr], d)
		if n.held++; n.lowest != nil || n.held == 1 {
			n.note(&d)
		}
	} else {
		s.noNeighbour(d)
		n.keep(addr, d)
	}
	c.advance(1, s.now())
}

// noNeighbour gives a probe up. The lock is held.
func (s *sender) noNeighbour(d delayed) {
	if d.attempt == 0 {
		s.status.noNeighbour++
	}
	s.giveUp(d, ErrNoNeighbour)
}

// askNeighbours takes in what was found out, and readies the probes that waited
// for it.
func (s *sender) askNeighbours() {
	n := s.neighbour
	if n == nil {
		return
	}
	n.found = n.net.Poll(n.found[:0])
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, found := range n.found {
		n.known[found.Addr] = found.State
		list := n.waiting[found.Addr]
		delete(n.waiting, found.Addr)
		if n.held -= len(list); len(list) > 0 {
			n.lowest = nil
		}
		for _, d := range list {
			if found.State == netraw.NeighbourFailed {
				s.noNeighbour(d)
				n.keep(found.Addr, d)
			} else {
				s.delayed.list = append(s.delayed.list, d)
			}
		}
		if found.State == netraw.NeighbourResolved {
			s.takeUp(found.Addr)
		}
	}
}

// mostGone are the probes that were given up and are remembered: the neighbour may answer
// late.
const mostGone = 1 << 14

// keep remembers a probe that was given up.
func (n *neighbourWait) keep(a netip.Addr, d delayed) {
	if n.kept < mostGone {
		n.gone[a] = append(n.gone[a], d)
		n.kept++
	}
}

// takeUp has the probes sent that were given up for a neighbour which has answered since.
// The lock is held.
func (s *sender) takeUp(a netip.Addr) {
	n := s.neighbour
	for _, d := range n.gone[a] {
		if d.attempt == 0 {
			s.status.noNeighbour--
		}
		s.failed[d.attempt]--
		s.delayed.list = append(s.delayed.list, d)
	}
	n.kept -= len(n.gone[a])
	delete(n.gone, a)
}
