package trace

import (
	"time"

	"synscope/probe/internal/wire"
)

// Where nothing has come from the target, two of the SYNs are sent once more, a second later
// (probe/internal/wire/same.go says why): the last to leave of those behind the last router, and
// the one of the most hops. Where one is answered, those of fewer hops are, one after the other,
// until it is known from how many hops on they are.

// same is what was sent once more.
type same struct {
	begun  bool
	last   *query        // of those that look for the number of hops; nil: none
	until  time.Duration // when the next of these may be sent
	lowest int           // hops that a SYN has to make, at least, as far as they have shown
}

// leastNarrow is how long an answer is waited for at least that tells the number of hops.
const leastNarrow = 100 * time.Millisecond

// persist sends SYNs once more whose time for that has come.
func (t *tracer) persist() {
	at := t.persists()
	switch {
	case at == 0 || at > t.Now:
	case !t.same.begun:
		t.same.begun = true
		for _, q := range t.latest() {
			t.sendSame(q)
		}
	case t.narrows():
		t.narrow()
	}
}

// persists is when that is to be done, 0 where it is not.
func (t *tracer) persists() time.Duration {
	switch {
	case t.Stopping || t.unsendable != nil || t.Failure != nil:
		return 0
	case t.narrows():
		return max(t.same.until, t.Now)
	case t.same.begun || t.end.rank > wire.RankSilence && t.end.rank != wire.RankAsked || t.late.Best != nil || t.Warming() || t.cfg.Timeout < wire.SYNRTO || !t.persistence.Open():
		return 0
	}
	if q, _ := t.pick(); q != nil {
		return 0
	}
	at := time.Duration(0)
	for _, q := range t.latest() {
		if !q.persists() {
			return 0
		}
		at = max(at, q.sent.Tx.Sent+wire.SYNRTO)
	}
	return at
}

// persists tells whether the probe of a query may be sent once more.
func (q *query) persists() bool {
	return q.sent != nil && (q.Kind == HopNone || q.Kind == HopReset) && q.sent.Next == nil && q.sent.First == nil && q.sent.Outcome.Unanswered()
}

// latest are the queries whose SYNs left last of those that may have reached the target: of the
// hops behind the last router, and of all.
func (t *tracer) latest() (list []*query) {
	near := t.grid[min(t.end.routers+beyond, t.cfg.MaxHops)-1][t.cfg.Queries-1]
	if far := t.grid[t.cfg.MaxHops-1][0]; far != near {
		return []*query{near, far}
	}
	return []*query{near}
}

// sendSame sends the SYN of a query once more.
func (t *tracer) sendSame(q *query) {
	s := q.sent.Same()
	if t.TransmitSame(s) != nil {
		return
	}
	s.First.Ended, s.First.Closed = true, true
	q.sent, q.ended = s, false
	t.Flying.Push(s)
	t.Counters.Departed(1, t.Now)
}

// told is the transmission that an answer is to, where the same SYN was sent twice.
func (t *tracer) told(q *query, s *wire.Transmission, ev *wire.Event) *wire.Transmission {
	if s.First == nil || !ev.Kind.Verified() || q.sent != s {
		t.ownAnswer(s, ev)
		return s
	}
	to, sure := s.Answers(ev)
	if to == s.First {
		t.persistence.AnsweredFirst()
		s.Ended, q.ended = true, true
		q.sent = to
		return to
	}
	if ev.Kind.Rank() >= wire.RankReset && s.Outcome.Rank < wire.RankReset {
		took, vain := s.Took(ev, t.Reading), t.vain(q)
		sure = sure || vain > 1 && took < wire.SYNRTO // the others would have been answered by now too
		t.persistence.Answered(vain, sure, s.Tx.Sent-s.First.Tx.Sent, took)
	}
	return s
}

// ownAnswer takes note of an answer of the target to a SYN that had not been sent before.
func (t *tracer) ownAnswer(s *wire.Transmission, ev *wire.Event) {
	if s.First == nil && ev.Kind.Verified() && ev.Kind.Rank() >= wire.RankReset {
		t.persistence.AnsweredFirst()
	}
}

// vain is how many SYNs have come as far as that of a query, and to nothing; of those that were counted
// before, none but its own.
func (t *tracer) vain(q *query) (n int) {
	if t.persistence.Promising() {
		return 1
	}
	for _, queries := range t.grid[q.TTL-1:] {
		for _, other := range queries {
			if other.sent != nil && other.Kind == HopNone {
				n++
			}
		}
	}
	return n
}

// narrows tells whether it is still sought how many hops the target is away.
func (t *tracer) narrows() bool {
	return t.same.begun && t.persistence.Promising() && t.end.proved() && max(t.end.routers, t.same.lowest-1)+1 < t.end.ttl && !t.Stopping
}

// narrow sends the SYN of half as many hops as may be once more.
func (t *tracer) narrow() {
	x := &t.same
	if x.last != nil && x.last.Kind == HopNone {
		x.lowest = max(x.lowest, x.last.TTL+1)
	}
	x.last = nil
	if !t.narrows() {
		return
	}
	low := max(t.end.routers+1, x.lowest)
	q := t.nearest(low + (t.end.ttl-low)/2)
	if q == nil {
		x.lowest = t.end.ttl
		return
	}
	x.last, x.until = q, t.Now+max(leastNarrow, 2*t.longest)
	t.sendSame(q)
}

// nearest is the latest query of a hop whose SYN may be sent once more, nil if none.
func (t *tracer) nearest(ttl int) *query {
	for i := t.cfg.Queries - 1; i >= 0; i-- {
		if q := t.grid[ttl-1][i]; q.persists() {
			return q
		}
	}
	return nil
}
