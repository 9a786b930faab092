package trace

import (
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

const (
	// mostTimeouts is for how many timeouts an answer is waited for where nothing
	// has come from the target: three seconds, as long as a SYN and its first
	// retransmission wait for theirs (RFC 6298 §2).
	mostTimeouts = 3
	// lateMargin is how much longer than the longest round trip so far another one
	// of the same path may take.
	lateMargin = 1.25
)

// awaited tells whether an answer to a probe would still be taken in: until its
// time is over, and longer where the path turns out to be slower than that.
func (t *tracer) awaited(q *query) bool {
	if q.sent == nil || !q.ended {
		return q.sent != nil
	}
	return q.Kind == HopNone && q.TTL > t.handed && !t.Stopping && t.Now < q.sent.Tx.Sent+t.patience(q)
}

// patience is how long the answer to a probe is waited for.
func (t *tracer) patience(q *query) time.Duration {
	most := mostTimeouts * t.cfg.Timeout
	if t.cfg.Timeout >= probe.DefaultTimeout {
		most = max(most, wire.UnresolvedAfter)
	}
	if first := q.sent.First; first != nil { // as long as without it
		most = max(t.cfg.Timeout, most-(q.sent.Tx.Sent-first.Tx.Sent))
	}
	switch {
	case (t.end.ttl == 0 || t.inferred()) && q.TTL > t.end.routers:
		return most
	case t.longest > t.cfg.Timeout:
		return min(most, time.Duration(lateMargin*float64(t.longest)))
	}
	return t.cfg.Timeout
}

// lateness is until when late answers are waited for, 0 where none is.
func (t *tracer) lateness() (until time.Duration) {
	for _, queries := range t.grid[:t.reach()] {
		for _, q := range queries {
			if q.ended && t.awaited(q) {
				until = max(until, q.sent.Tx.Sent+t.patience(q))
			}
		}
	}
	return until
}
