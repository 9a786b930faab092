package trace

import (
	"slices"

	"synscope/probe/internal/wire"
)

// moved sends the probes of all hops that were not handed out yet once more, since the way leads
// elsewhere now: answers of one way tell nothing of another, and what left by one that was dead
// is not answered.
func (t *tracer) moved() {
	if t.end.proved() || t.Stopping || t.movements == retries {
		return
	}
	t.movements++
	t.same = same{}
	for _, queries := range t.grid[t.handed:] {
		for _, q := range queries {
			if q.sent != nil {
				t.startAnew(q)
			}
		}
	}
	t.settleEnd()
}

// startAnew has the probe of a query sent as if it had not been.
func (t *tracer) startAnew(q *query) {
	q.sent.Ended, q.sent.Closed = true, true
	t.settling = slices.DeleteFunc(t.settling, func(other *query) bool { return other == q })
	t.again = slices.DeleteFunc(t.again, func(other *query) bool { return other == q })
	*q = query{Hop: Hop{TTL: q.TTL, Query: q.Query}, aside: q.aside, small: q.small, noted: q.noted, retries: q.retries}
}

// abandoned tells whether an answer is to a probe that was sent anew since the way moved.
func abandoned(q *query, s *wire.Transmission) bool { return q.sent == nil && s.Ended }
