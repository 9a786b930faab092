package wide

import (
	"errors"
	"math"
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe/internal/wire"
)

const (
	// mostDelayed bounds how many probes wait to be sent anew. While there are
	// as many, no others leave.
	mostDelayed = 4096
	// mostAway is how often a probe is refused for want of a network, while
	// others leave, until it is given up: about a second.
	mostAway = 10
	// refusedInRow ends a turn: the engine is busy.
	refusedInRow = 64
)

// delayed is a probe that could not leave yet: the kernel refused it for now, or
// its target's link address is not resolved.
type delayed struct {
	probe    craft.Fields // its TSval without the clock
	attempt  int
	position uint64
	refused  int           // how often, as far as that counts against it
	walled   bool          // this machine's firewall did, the last time
	due      time.Duration // when it is tried anew; never while it waits for a neighbour
	sent     uint64        // probes of the run that had left when it was refused
}

// never is a time that does not come.
const never = time.Duration(math.MaxInt64)

// delayedProbes are those of all cursors, in no order.
type delayedProbes struct{ list []delayed }

func (d *delayedProbes) full() bool { return len(d.list) >= mostDelayed }

// lower keeps the positions of passes at that of a probe that waits; one of a pass that
// was dropped counts for the last.
func (x *delayed) lower(passes []uint64, last int) {
	i := min(x.attempt, last)
	passes[i] = min(passes[i], x.position)
}

// nextDue is when the first is to be tried anew.
func (d *delayedProbes) nextDue() time.Duration {
	next := never
	for i := range d.list {
		next = min(next, d.list[i].due)
	}
	return next
}

// takeDue removes up to n that are due.
func (d *delayedProbes) takeDue(now time.Duration, n int) (due []delayed) {
	d.list = slices.DeleteFunc(d.list, func(x delayed) bool {
		if x.due > now || len(due) >= n {
			return false
		}
		due = append(due, x)
		return true
	})
	return due
}

// drop removes those that a cursor will come to again.
func (d *delayedProbes) drop(from []uint64) {
	d.list = slices.DeleteFunc(d.list, func(x delayed) bool { return x.ahead(from) })
}

// ahead tells whether passes that begin there come to a probe again.
func (x *delayed) ahead(from []uint64) bool {
	return x.attempt < len(from) && x.position >= from[x.attempt]
}

// retry tries the probes that are due, and returns how many it tried.
func (s *sender) retry(budget int) (tried int) {
	now := s.now()
	if len(s.delayed.list) == 0 || s.delayed.nextDue() > now {
		return 0
	}
	due := s.delayed.takeDue(now, budget)
	for i := range due {
		if !s.goesOn() || s.refusals >= refusedInRow || tried > 0 && s.outage.Lasting() {
			s.delayed.list = append(s.delayed.list, due[i:]...)
			return tried
		}
		tried++
		s.retryOne(due[i])
	}
	return tried
}

func (s *sender) retryOne(d delayed) {
	now := s.now()
	p := [1]craft.Fields{d.probe}
	p[0].TSval += clockAt(now)
	n, err := s.net.Blast(p[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left(d.attempt, n, now)
	if err != nil {
		s.refuse(d, err)
		return
	}
	s.late.left(place{d.attempt, d.position}, now)
	if d.walled {
		s.firewall.Let(now)
	}
}

// refuse puts off a probe that the kernel did not take, or gives it up. The
// lock is held.
func (s *sender) refuse(d delayed, err error) {
	now := s.now()
	s.refusals++
	s.outage.Note(err, now)
	s.status.refusal = err
	switch {
	case s.outage.Certain(now):
		s.status.err = s.outage.Error()
	case s.status.sent == 0 && errors.Is(err, netraw.ErrXDPInterface):
		s.status.err = err // the first probe: it never could
	}
	kind := wire.RefusalOf(err)
	if d.walled = kind == wire.RefusedByFirewall; d.walled {
		s.firewalled++
	}
	away := kind == wire.RefusedNetworkAway
	wait, again := s.firewall.Backoff(err, d.refused, now)
	if !again || away && d.refused >= mostAway {
		s.giveUp(d, err)
		return
	}
	if !away || s.status.sent > d.sent {
		d.refused++
	}
	d.due, d.sent = now+wait, s.status.sent
	s.delayed.list = append(s.delayed.list, d)
}

// giveUp ends a probe that will not leave. The lock is held.
func (s *sender) giveUp(d delayed, err error) {
	s.failed[d.attempt]++
	if !errors.Is(err, ErrNoNeighbour) {
		s.inVain++
	}
	if s.inVain >= mostInVain && s.status.err == nil {
		s.status.err = cannotSend(err, s.status.sent)
	}
	if wire.RefusalOf(err) == wire.RefusedByFirewall {
		s.refusedTargets(d.probe.Dst, err)
	}
}
