package trace

import (
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// end is where the way ends, by what all probes say together: the target's own
// answers decide, SYN-ACKs before RSTs. An ICMP error counts as an end only
// behind the last router that let a probe expire: what comes from before it, for
// one probe of many, is a disturbance of the way. So does an RST to a question of ours,
// which whoever listens further on may answer yet.
type end struct {
	ttl     int // 0: not seen
	rank    wire.Rank
	routers int // the highest TTL at which a router answered, before the target's first answer
}

// proved tells whether the target itself has answered.
func (e *end) proved() bool { return e.rank >= wire.RankReset }

// beyond is how many hops behind an ICMP error are looked at all the same, to see
// whether it is an end, and behind the last router that answered.
const beyond = 3

// settleEnd finds the end anew.
func (t *tracer) settleEnd() {
	t.end = end{}
	if t.opened > 0 {
		t.end.ttl, t.end.rank = t.opened, wire.RankOpen
	}
	for _, queries := range t.grid {
		for _, q := range queries {
			if rank := q.rank(); rank >= wire.RankReset && (rank > t.end.rank || rank == t.end.rank && q.TTL < t.end.ttl) {
				t.end.ttl, t.end.rank = q.TTL, rank
			}
		}
	}
	t.findRouters()
	if !t.end.proved() {
		t.findError()
	}
}

// rank is how much the answer to a probe says of the target.
func (q *query) rank() wire.Rank {
	switch q.Kind {
	case HopSYNACK:
		return wire.RankOpen
	case HopReset:
		return min(q.sent.Outcome.Rank, wire.RankReset)
	case HopUnreachable:
		return wire.RankICMP
	}
	return wire.RankSilence
}

// findRouters finds the last router before the end.
func (t *tracer) findRouters() {
	for _, queries := range t.grid[:t.reach()] {
		for _, q := range queries {
			if q.Kind == HopTimeExceeded {
				t.end.routers = q.TTL
			}
		}
	}
}

// findError finds the nearest answer behind the last router that does not prove the end.
func (t *tracer) findError() {
	for _, queries := range t.grid[t.end.routers:] {
		for _, q := range queries {
			if rank := q.rank(); rank > wire.RankSilence {
				t.end.ttl, t.end.rank = q.TTL, rank
				return
			}
		}
	}
}

// doubtful is until when the probes behind an ICMP error are waited for, 0 where
// there is nothing to wait for.
func (t *tracer) doubtful() (until time.Duration) {
	if t.end.ttl == 0 || t.end.proved() {
		return 0
	}
	for _, queries := range t.grid[t.end.ttl:t.beyond()] {
		for _, q := range queries {
			if q.sent == nil || q.ended {
				continue
			}
			if patience := q.sent.Tx.Sent + t.furtherWait(); patience > t.Now {
				until = max(until, patience)
			}
		}
	}
	return until
}

// beyond is the highest TTL that is of interest where the end is not proved.
func (t *tracer) beyond() int {
	if t.end.rank == wire.RankAsked {
		return t.cfg.MaxHops
	}
	return min(t.end.ttl+beyond, t.cfg.MaxHops)
}

// furtherWait is how long what went further is waited for then.
func (t *tracer) furtherWait() time.Duration {
	if t.end.rank == wire.RankAsked {
		return t.cfg.Timeout
	}
	return wire.Grace(wire.RankICMP, 2*t.longest, 0, t.cfg.Timeout)
}

// inferred tells whether the target is known by a challenge alone, and has not answered.
func (t *tracer) inferred() bool {
	return t.opened > 0 && !slices.ContainsFunc(t.grid, func(queries []*query) bool {
		return slices.ContainsFunc(queries, func(q *query) bool { return q.rank() >= wire.RankReset })
	})
}

// verdict is the port's, from the best answer of those to probes that may have
// reached it, all of which silence takes to be one: behind the last router, and
// before it, where paths are of several lengths, those that the target answered.
func (t *tracer) verdict(err error) probe.Verdict {
	if t.unsendable != nil {
		return *t.unsendable
	}
	var best *query
	reached := 0
	for _, queries := range t.grid {
		for _, q := range queries {
			if q.sent == nil || q.TTL <= min(t.end.routers, t.cfg.MaxHops-1) && q.rank() <= wire.RankICMP {
				continue
			}
			reached++
			t.doubtRepeated(q)
			if best == nil || q.better(best) {
				best = q
			}
		}
	}
	v := probe.Verdict{Target: t.cfg.Target, State: t.Matcher.Tech.Silence, Reason: probe.ReasonNoResponse}
	if best != nil {
		v = best.sent.Outcome.Verdict(t.Matcher.Tech, t.cfg.Target)
		v.RTT, v.Clock = best.RTT, best.Clock
		v.Findings = wire.Noting(best.noted, v.Findings...)
		v.Findings = wire.Noting(v.Findings, t.persistence.Findings()...)
	}
	v.Attempts = reached
	if v.Reason != probe.ReasonNoResponse {
		v.Attempts = 1
	}
	if best == nil || t.late.Rank > best.sent.Outcome.Rank {
		v = t.orLate(v)
	}
	return t.orOtherwise(v, err)
}

// orLate is a verdict, or that of a better answer which came too late for a hop.
func (t *tracer) orLate(v probe.Verdict) probe.Verdict {
	if t.late.Best == nil {
		return v
	}
	late := t.late.Verdict(t.Matcher.Tech, v.Target)
	late.Attempts, late.Findings = 1, wire.Noting(v.Findings, late.Findings...)
	return late
}

// orOtherwise is a verdict, or what stands for it where no answer gives one.
func (t *tracer) orOtherwise(v probe.Verdict, err error) probe.Verdict {
	if v.Reason != probe.ReasonNoResponse {
		return v
	}
	if t.opener != nil {
		v = t.opener.Outcome.Annotate(v)
	}
	if err != nil {
		v.State, v.Reason, v.Err = probe.StateUnknown, probe.ReasonInterrupted, err
	}
	return t.Said.Outcome.Annotate(v)
}

// better tells whether an answer says more of the port than another.
func (q *query) better(than *query) bool {
	a, b := q.sent.Outcome.Rank, than.sent.Outcome.Rank
	if q.Kind == HopTimeExceeded {
		a = wire.RankSilence
	}
	if than.Kind == HopTimeExceeded {
		b = wire.RankSilence
	}
	return a > b || a == b && than.RTT == 0 && q.RTT > 0
}
