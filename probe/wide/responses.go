package wide

import (
	"sync"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// responses are what answers call for: the run adds them, the sender sends them
// at its pace.
type responses struct {
	mu      sync.Mutex
	queue   wire.Responder
	packets *wire.Packets
	batch   []wire.Response
	waiting chan struct{} // wakes the sender
}

// add queues a response, unless the same was sent a moment ago.
func (r *responses) add(x wire.Response, now time.Duration) {
	r.mu.Lock()
	added := r.queue.Add(x, now)
	r.mu.Unlock()
	if added {
		r.wake()
	}
}

func (r *responses) wake() {
	select {
	case r.waiting <- struct{}{}:
	default:
	}
}

// due is when the first may leave that waits, as far as this machine has room; ok is false where none waits.
func (r *responses) due() (at time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queue.Due()
}

// any tells whether something is to be sent.
func (r *responses) any() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queue.Waiting() > 0
}

// send sends at most budget responses; only the sender calls it.
func (r *responses) send(n probe.Network, budget int, now time.Duration) (taken int, left wire.Responded) {
	r.mu.Lock()
	r.batch = r.queue.Take(budget, now, r.batch[:0])
	r.mu.Unlock()
	return len(r.batch), r.packets.Respond(n, r.batch, func(x wire.Response, err error) { r.hold(x, err, now) })
}

// hold keeps what this machine had no room for.
func (r *responses) hold(x wire.Response, err error, now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.Hold(x, err, now)
}

// lostResets is how many RSTs seem not to have arrived, and how many connections are storms.
func (r *responses) lostResets() (lost, storms uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queue.LostResets(), r.queue.SeenStorms()
}
