package ping

import (
	"container/heap"
	"time"

	"synscope/probe/internal/wire"
)

// deadlines are transmissions in the order of a time that each has.
type deadlines struct{ list entries }

type entry struct {
	at time.Duration
	s  *wire.Transmission
}

type entries []entry

func (h entries) Len() int           { return len(h) }
func (h entries) Less(i, j int) bool { return h[i].at < h[j].at }
func (h entries) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *entries) Push(x any)        { *h = append(*h, x.(entry)) }

func (h *entries) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = entry{}
	*h = (*h)[:last]
	return x
}

func (d *deadlines) push(at time.Duration, s *wire.Transmission) { heap.Push(&d.list, entry{at, s}) }

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
	return heap.Pop(&d.list).(entry).s
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
