package trace

import (
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// quickest is the least time that a first round is given.
const quickest = 10 * time.Millisecond

// fill sends what may be sent now.
func (t *tracer) fill() {
	defer t.Respond()
	for t.unsendable == nil && t.Now >= t.next && t.MaySend() {
		q, at := t.pick()
		if q == nil || at > t.Now {
			return
		}
		t.send(q)
	}
}

// probing tells whether a probe is to be sent now.
func (t *tracer) probing() bool {
	q, at := t.pick()
	return t.unsendable == nil && t.Now >= t.next && t.Ready() && q != nil && at <= t.Now
}

// send sends the probe of a query.
func (t *tracer) send(q *query) {
	if len(t.again) > 0 && t.again[0] == q {
		t.again = t.again[1:]
	}
	q.aside = q.aside || t.aside && q.TTL > t.end.routers
	port := t.Matcher.Ports[0]
	if t.cfg.Flow == probe.FlowVary || q.aside {
		t.ports++
		port = t.Matcher.Ports[t.ports%len(t.Matcher.Ports)]
	}
	s := &wire.Transmission{TTL: uint8(q.TTL), Index: q.TTL - 1, N: uint64(q.Query - 1), Attempt: 1, Small: q.small}
	if err := t.Transmit(s, port); err != nil {
		t.refused(q, err)
		return
	}
	q.sent = s
	t.Flying.Push(s)
	t.Counters.Departed(0, t.Now)
	t.Outage.End()
	t.next = t.Now + wire.Spacing
	if q.Query == 1 {
		t.firstRound = t.Now
	}
}

// pick is the next probe to send and when it may leave, nil if there is none:
// round after round of all hops that are of interest.
func (t *tracer) pick() (q *query, at time.Duration) {
	if len(t.again) > 0 {
		return t.again[0], 0
	}
	for round := range t.cfg.Queries {
		for _, queries := range t.grid[:t.promising(round)] {
			if q := queries[round]; q.sent == nil && !q.ended {
				if round > 0 {
					at = t.secondRound()
				}
				return q, at
			}
		}
	}
	return nil, 0
}

// secondRound is when the probes after the first of each hop may leave: as soon
// as the length of the way is known, or when it could be, so that the target is
// not flooded with SYNs that tell nothing.
func (t *tracer) secondRound() time.Duration {
	switch {
	case t.end.ttl > 0:
		return 0
	case t.end.routers > 0:
		return t.firstRound + max(2*t.longest, quickest)
	}
	return t.firstRound + t.cfg.Timeout/4
}

// promising is the highest TTL that is worth a probe in a round: behind the
// last router that answered, and behind an ICMP error, a few that may have lost
// the packet.
func (t *tracer) promising(round int) int {
	switch {
	case t.end.proved():
		return t.end.ttl
	case t.end.ttl > 0 && (t.end.rank != wire.RankAsked || round == 0):
		return t.beyond()
	case round == 0:
		return t.cfg.MaxHops
	}
	return min(t.end.routers+beyond, t.cfg.MaxHops)
}

// refused lets a probe that the kernel did not take wait for another try. What
// it never takes is left out; where that is the first, so is the whole way.
func (t *tracer) refused(q *query, err error) {
	t.Outage.Note(err, t.Now)
	if t.Outage.Certain(t.Now) {
		t.Fail(t.Outage.Error())
		return
	}
	if wait, again := wire.Backoff(err, q.refused); again {
		q.refused++
		t.again = append([]*query{q}, t.again...)
		t.next = t.Now + wait
		return
	}
	q.ended = true
	t.Counters.Refusal = err
	if t.Counters.Sent == 0 {
		v := wire.Unsendable(t.cfg.Target, err)
		t.unsendable = &v
	}
}
