package scan

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// met takes note of a new host: where its packets go bounds the rate, and one on
// the link is resolved before anything is sent to it.
func (e *engine) met(h *host, route netraw.Route) {
	if e.ramp != nil {
		e.ramp.Towards(route)
		h.crowded = route.NextHop.IsValid() && !e.cfg.HostsKnown
	}
	if route.Local {
		h.found.up, h.found.reason = true, probe.ReasonLocalhost
	}
	if e.cfg.Neighbours == nil || route.Local {
		return
	}
	n := e.cfg.Neighbours.AskRoute(h.addr, route)
	if n.State == netraw.NeighbourPending {
		h.resolving = true
		e.resolving[n.Addr] = h
		return
	}
	e.resolved(h, &n)
}

// pollNeighbours takes what was found out.
func (e *engine) pollNeighbours() {
	if e.cfg.Neighbours == nil || len(e.resolving) == 0 {
		return
	}
	e.found = e.cfg.Neighbours.Poll(e.found[:0])
	for i := range e.found {
		n := &e.found[i]
		if h := e.resolving[n.Addr]; h != nil {
			delete(e.resolving, n.Addr)
			e.resolved(h, n)
		}
	}
}

// resolved lets the probes of a host go, or ends them: whoever does not answer
// on the link answers no probe.
func (e *engine) resolved(h *host, n *netraw.Neighbour) {
	h.resolving = false
	h.found.resolved(h, n)
	if n.State == netraw.NeighbourFailed {
		h.absent = noNeighbour(h.addr, n)
		e.endAll(h)
		return
	}
	e.ready.release(h)
}

// noNeighbour is the verdict on every port of a host that is not on the link.
func noNeighbour(a netip.Addr, n *netraw.Neighbour) *probe.Verdict {
	return &probe.Verdict{
		Target: netip.AddrPortFrom(a, 0), State: probe.StateFiltered, Reason: probe.ReasonNoNeighbour,
		Findings: nil, Err: fmt.Errorf("%v did not answer on the link, asked %d times", a, n.Asked),
	}
}

// endAll ends the probes that wait for a host.
func (e *engine) endAll(h *host) {
	for h.pending.n > 0 {
		t := e.ready.take(h)
		if f := e.flights.at(t.id); f.schedule == t.schedule {
			v := *h.absent
			v.Target = f.target()
			f.outcome.Best, f.outcome.Rank = &v, wire.RankReset
			e.finish(t.id)
		}
	}
}

// neighbourWakeUp is when the neighbours want to be polled.
func (e *engine) neighbourWakeUp() (time.Duration, bool) {
	if len(e.resolving) == 0 {
		return 0, false
	}
	wait, ok := e.cfg.Neighbours.Next()
	return e.now + wait, ok
}

// neighboursReady receives when there is something to poll.
func (e *engine) neighboursReady() <-chan struct{} {
	if e.cfg.Neighbours == nil {
		return nil
	}
	return e.cfg.Neighbours.Ready()
}
