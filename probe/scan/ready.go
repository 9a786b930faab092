package scan

import (
	"time"

	"synscope/probe/internal/heap"
)

// ready holds the hosts that have probes waiting to be sent. They take turns,
// so that no host waits behind another's limit; those whose limiter is closed
// sleep until it opens.
type ready struct {
	hosts    []*host // in turn
	sleepers heap.Heap[sleeper]
	waiting  int // probes, of all hosts
	parked   int // of those, probes of hosts whose link address is being asked for
	unsent   int // of those, ports that were never probed
}

// add lets a probe wait.
func (r *ready) add(h *host, t ticket) {
	h.pending.push(t)
	r.added(h)
}

// addFirst lets a probe wait before all others of its host.
func (r *ready) addFirst(h *host, t ticket) {
	h.pending.pushFirst(t)
	r.added(h)
}

// addUnsent lets a port wait that was never probed.
func (r *ready) addUnsent(h *host, port uint16) {
	r.unsent++
	r.add(h, unsent(port))
}

func (r *ready) added(h *host) {
	r.waiting++
	switch {
	case h.resolving:
		r.parked++
	case !h.queued:
		r.release(h)
	}
}

// unpark takes note that it is known where the probes of a host go.
func (r *ready) unpark(h *host) {
	if h.resolving {
		h.resolving = false
		r.parked -= int(h.pending.n)
	}
}

// release lets a host take its turns.
func (r *ready) release(h *host) {
	if h.pending.n > 0 && !h.queued {
		h.queued = true
		r.hosts = append(r.hosts, h)
	}
}

// next is a host that may be sent to, nil if there is none now. The host is
// taken out; back puts it in again.
func (r *ready) next(now time.Duration, room func(*host) (wake time.Duration, ok bool)) *host {
	for len(r.sleepers) > 0 && r.sleepers[0].wake <= now {
		r.hosts = append(r.hosts, r.sleepers.Pop().host)
	}
	for len(r.hosts) > 0 {
		h := r.hosts[0]
		r.hosts[0] = nil
		r.hosts = r.hosts[1:]
		if h.pending.n == 0 {
			h.queued = false
			continue
		}
		wake, ok := room(h)
		if ok {
			return h
		}
		r.sleepers.Push(sleeper{wake, h})
	}
	return nil
}

// any tells whether a host may be sent to.
func (r *ready) any(now time.Duration) bool {
	return len(r.hosts) > 0 || len(r.sleepers) > 0 && r.sleepers[0].wake <= now
}

func (r *ready) back(h *host) { r.hosts = append(r.hosts, h) }

// take is the next probe of a host.
func (r *ready) take(h *host) ticket {
	r.waiting--
	t := h.pending.pop()
	if t.unsent() {
		r.unsent--
	}
	return t
}

// wakeUp is when the next sleeper may be sent to.
func (r *ready) wakeUp() (time.Duration, bool) {
	if len(r.sleepers) == 0 {
		return 0, false
	}
	return r.sleepers[0].wake, true
}

// sleeper is a host that is ready again at a time.
type sleeper struct {
	wake time.Duration
	*host
}

// Before tells whether the limiter of one opens before that of another.
func (s sleeper) Before(t sleeper) bool { return s.wake < t.wake }
