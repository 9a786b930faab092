package discover

import (
	"time"

	"synscope/probe/internal/wire"
)

// Crowded is how long the hosts of a range of n addresses wait for each other off
// the link at most, beside the pace.
func Crowded(n uint64) time.Duration {
	const beside = mostAtOnce / wire.CrowdSize
	turns := (max(n, 1)-1)/(wire.CrowdSize*beside) + 1
	return time.Duration(min(float64(turns)*float64(wire.CrowdedFor(n)), float64(1<<62)))
}

// approach lets a host have a round as soon as its network has a place for it. The
// one that it got for the round before it may still hold.
func (e *engine) approach(h *host) {
	if h.placed && e.Now-h.entered < wire.Contact {
		e.begin(h)
		return
	}
	at, entered := e.Crowds.Enter(h.Addr, e.Now)
	if !entered {
		e.wait(h, at)
		return
	}
	h.placed, h.entered = true, e.Now
	e.begin(h)
}

// wait lets a host try again to get a place.
func (e *engine) wait(h *host, at time.Duration) {
	h.queues = true
	e.queueing++
	e.expect(h, at)
}

// unqueue ends the wait of a host, if it waits.
func (e *engine) unqueue(h *host) {
	if h.queues {
		h.queues = false
		e.queueing--
	}
}

// shortestPause is the least wait that is worth a pause of the search, and for how
// long nobody may have been found before one.
const shortestPause = 50 * time.Millisecond

// idle tells whether nothing is left but hosts that wait for a place, or that the link
// is asked for in vain.
func (e *engine) idle() bool {
	if e.slow.state == paceTrying || e.sought() == 0 || e.sought() > e.queueing+e.resolving.Waiting() || len(e.due) > 0 || e.Responses.Waiting() > 0 {
		return false
	}
	next, ok := e.timers.Next()
	for ok && !e.current(next) {
		e.timers.Pop()
		next, ok = e.timers.Next()
	}
	return (e.exhausted || e.sought() >= mostAtOnce) && e.Now > e.foundAt+shortestPause &&
		(!ok || next.At > e.Now+shortestPause)
}
