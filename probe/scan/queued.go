package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// sharedQueue is a queue on the way to many hosts: it shows as answers that take longer than
// those of their host do, of one host as of another.
type sharedQueue struct {
	backlog
	longer   time.Duration // by how much more than their base the answers of all hosts take, since the way is another
	known    bool          // its rate was told once
	host     *host         // whose answer was the latest
	wire.RTO               // of the answers while it stands
	seen     time.Duration // when it was seen last; 0: never
	turns    int32         // answers of the row that came from another host than the one before
}

// severalTurns is how often the hosts of a row take turns where the queue is theirs together.
const severalTurns = 3

// note takes in an answer of a host; base is the shortest that any took.
func (q *sharedQueue) note(h *host, base, sent, took time.Duration) (until time.Duration) {
	q.least = base + q.longer
	until = q.backlog.note(sent, took)
	q.longer = max(0, q.least-base)
	switch {
	case q.N == 0:
		q.turns = 0
	case h != q.host:
		q.turns++
	}
	q.host = h
	if q.turns == 0 {
		return 0
	}
	return until
}

// certain tells whether the row is long enough to go by its rate.
func (q *sharedQueue) certain() bool { return q.turns >= severalTurns && q.N >= wire.QueueTells }

// noteOverflow takes note that a queue has been filled: what left for a host before counts
// neither as an attempt nor as loss of the way.
func (e *engine) noteOverflow(h *host) {
	s := h.several
	if s == nil {
		return
	}
	s.overflow = e.Now
	before := h.losses.trials(&h.silent)
	h.forgetLoss()
	now := h.losses.trials(&h.silent)
	e.seen.lost += now.lost - before.lost
	e.seen.of += now.of - before.of
}

// forgetLoss forgets what was seen of the loss on the way to a host.
func (h *host) forgetLoss() {
	h.silent = byTry{}
	clear(h.losses.at[1:])
}

// queueWait is how long answers take that wait in a queue before all hosts, 0 where none
// stands.
func (e *engine) queueWait() time.Duration {
	q := &e.queue
	if q.seen == 0 || e.Now > q.seen+2*q.Timeout() {
		return 0
	}
	return min(q.Timeout(), max(e.cfg.Timeout, e.cfg.MostTimeout))
}

// base is the shortest round trip of a host as far as it is known, 0: it is not.
func (h *host) base() time.Duration {
	base := h.expected
	if s := h.several; s != nil && s.backlog.least > 0 && (base == 0 || s.backlog.least < base) {
		base = s.backlog.least
	}
	return base
}

// noteQueue takes from an answer what it tells of a queue on the way.
func (e *engine) noteQueue(f *flight, ev *wire.Event) {
	h, sent, took := f.host, f.tx[ev.Attempt].Sent, e.took(f, ev)
	shared := false
	if base := h.base(); base > 0 && e.Ramp != nil {
		shared = e.noteSharedQueue(h, base, sent, took)
	}
	s := h.several
	if s == nil {
		return
	}
	switch until := s.backlog.note(sent, took); {
	case shared:
	case until > e.Now:
		if s.backlog.rate > 0 && s.limiter.rate == 0 {
			e.noteOverflow(h)
		}
		s.limiter.backOff(until, e.Now, s.backlog.rate)
	case s.backlog.clear():
		s.limiter.shut = 0
	}
}

// noteSharedQueue takes from an answer what it tells of a queue before all hosts, and tells
// whether there is one.
func (e *engine) noteSharedQueue(h *host, base, sent, took time.Duration) bool {
	q := &e.queue
	until := q.note(h, base, sent, took)
	if until <= e.Now {
		return until > 0
	}
	q.Sample(took)
	q.seen = max(e.Now, 1)
	e.Paused = max(e.Paused, until)
	if q.certain() {
		if !q.known {
			q.known = true
			for _, h := range e.hosts.all() {
				e.noteOverflow(h)
			}
		}
		e.Ramp.Queued(q.rate, e.Now)
		e.Pace.Ask(e.Ramp.Rate)
	}
	return true
}

// mindQueue takes note that a probe leaves for a host.
func (e *engine) mindQueue(h *host) {
	far := time.Duration(0) // to a rate that was named the scan keeps
	if e.Ramp != nil {
		far = max(h.SRTT, h.expected)
		if until := e.queue.depart(e.Now, far); until > 0 {
			e.Paused = max(e.Paused, min(until, e.Now+longestFirst))
		}
	}
	s := h.several
	if s == nil {
		return
	}
	if until := s.backlog.depart(e.Now, far); until > 0 {
		s.limiter.backOff(until, e.Now, 0)
	}
}

// longestFirst bounds the wait for the answers to the first probes of a run.
const longestFirst = 150 * time.Millisecond
