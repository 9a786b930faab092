package ping

import (
	"time"

	"synscope/probe/internal/heap"
	"synscope/probe/internal/wire"
)

// deadlines are transmissions in the order of a time that each has.
type deadlines struct{ list heap.Heap[entry] }

type entry struct {
	at time.Duration
	s  *wire.Transmission
}

// Before tells whether one time is earlier than the other.
func (e entry) Before(f entry) bool { return e.at < f.at }

func (d *deadlines) push(at time.Duration, s *wire.Transmission) { d.list.Push(entry{at, s}) }

// next is the earliest time; false where there is none.
func (d *deadlines) next() (at time.Duration, ok bool) {
	if len(d.list) == 0 {
		return 0, false
	}
	return d.list[0].at, true
}

// take returns a transmission whose time has come, nil if there is none.
func (d *deadlines) take(now time.Duration) *wire.Transmission {
	if at, ok := d.next(); !ok || at > now {
		return nil
	}
	return d.list.Pop().s
}

// expired is take for ends: of those that have not ended otherwise, and whose
// end has not been put off.
func (d *deadlines) expired(now time.Duration) *wire.Transmission {
	for s := d.take(now); s != nil; s = d.take(now) {
		switch {
		case s.Ended:
		case s.Until > now:
			d.push(s.Until, s)
		default:
			return s
		}
	}
	return nil
}
