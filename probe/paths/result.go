package paths

import (
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// result is the map as it is known at the end of a run.
func (r *runner) result(err error) *Map {
	r.x.over = true
	g := r.x.graph()
	m := r.x.draw(g)
	m.Target, m.Source = r.cfg.Target, r.Way.Source
	m.Verdict = r.verdict(err)
	if m.Verdict.Reason == probe.ReasonNoResponse && g.loops() { // the TTL of any SYN ends there
		m.Verdict.Reason = probe.ReasonTimeExceeded
	}
	m.Summary = r.Counted()
	m.Summary.Rate = wire.PerSecond(m.Summary.Sent, r.Counters.LastSend)
	m.Summary.Complete = err == nil
	m.Summary.Probes, m.Summary.States[m.Verdict.State] = 1, 1
	m.Complete = m.Complete && err == nil && r.x.crowded == 0
	m.find()
	if r.x.crowded > 0 {
		m.Findings = append(m.Findings, crowded(r.x.crowded))
	}
	return m
}

// loops reports whether the way goes in a circle.
func (g *graph) loops() (found bool) {
	g.vertices(func(v *vertex) { found = found || v.loop })
	return found
}

// verdict is the port's, from the best answer of the target's own.
func (r *runner) verdict(err error) probe.Verdict {
	if r.failed != nil {
		return *r.failed
	}
	v := probe.Verdict{Target: r.cfg.Target, State: r.Matcher.Tech.Silence, Reason: probe.ReasonNoResponse}
	switch {
	case r.best != nil && r.best.Outcome.Rank >= r.Said.Outcome.Rank:
		v = r.best.Outcome.Verdict(r.Matcher.Tech, r.cfg.Target)
		v.Attempts = 1
		if a := r.best.attempt.answer(); a != nil && a.Doubt == probe.DoubtNone {
			v.RTT, v.Clock = a.RTT, a.Clock
		}
		v = r.Said.Annotate(v)
	case r.Said.Outcome.Best != nil:
		v = r.Said.Verdict(v, r.Matcher.Tech)
	case err != nil:
		v.State, v.Reason, v.Err = probe.StateUnknown, probe.ReasonInterrupted, err
	default:
		v.Attempts = r.x.sent
		v = r.Said.Annotate(v)
	}
	return v
}
