package discover

import (
	"time"

	"synscope/probe/internal/wire"
)

// Crowded is how long the hosts of a range of n addresses wait for each other off
// the link, beside the pace.
func Crowded(n uint64) time.Duration {
	alone := min(n, wire.CrowdSize)
	if alone <= wire.CrowdBurst {
		return 0
	}
	const beside = mostAtOnce / wire.CrowdSize
	turns := (n-1)/(wire.CrowdSize*beside) + 1
	return time.Duration(min(float64(turns)*float64(alone-wire.CrowdBurst)*float64(wire.CrowdInterval), float64(1<<62)))
}

// approach lets a host have its first round when its network has room.
func (e *engine) approach(h *host) {
	if at := e.Crowds.Slot(h.Addr, e.Now); at > e.Now {
		e.timers.Push(wire.Timer{At: at, ID: h.id})
		return
	}
	e.begin(h)
}
