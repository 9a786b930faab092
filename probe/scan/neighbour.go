package scan

import (
	"fmt"
	"net/netip"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// met takes note of a new host: where its packets go bounds the rate, and one on
// the link is resolved before anything is sent to it.
func (e *engine) met(h *host, route netraw.Route) {
	if e.Ramp != nil {
		e.Ramp.Towards(route)
	}
	h.crowded = (e.Ramp != nil || e.cfg.Search) && route.NextHop.IsValid() && !e.cfg.HostsKnown
	if e.cfg.RoundTrip != nil {
		h.expected = e.cfg.RoundTrip(h.addr)
	}
	if route.Local {
		h.found.up, h.found.reason = true, probe.ReasonLocalhost
	}
	if !e.resolving.Asks() || route.Local {
		return
	}
	if n, known := e.resolving.Ask(h.addr, route, h); known {
		e.resolved(h, &n)
	} else {
		h.resolving = true
	}
}

// busy tells whether there is anything to do but to wait for hosts on the link that did not
// answer.
func (e *engine) busy() bool { return !e.exhausted || e.flights.busy() > e.ready.parked }

// resolved lets the probes of a host go, or ends them: whoever does not answer
// on the link answers no probe.
func (e *engine) resolved(h *host, n *netraw.Neighbour) {
	e.ready.unpark(h)
	h.found.resolved(h, n)
	if n.State == netraw.NeighbourFailed {
		h.troubled().absent = noNeighbour(h.addr, n)
		e.endAll(h)
		return
	}
	e.ready.release(h)
}

// lookOnLink has the link address of a host that has gone silent, or of the router before it, asked
// for once more: the kernel would go on for half a minute with the one that it knows.
func (e *engine) lookOnLink(h *host) {
	if !e.resolving.Asks() || h.resolving {
		return
	}
	if route, err := e.Network.Route(h.addr); err == nil {
		e.resolving.AskAgain(h.addr, route)
	}
}

// noNeighbour is the verdict on every port of a host that is not on the link.
func noNeighbour(a netip.Addr, n *netraw.Neighbour) *probe.Verdict {
	err := fmt.Errorf("%v did not answer on the link, asked %d times", a, n.Asked)
	if n.NextHop.IsValid() {
		err = fmt.Errorf("%v: %w", n.NextHop, netraw.ErrNextHop)
	}
	return &probe.Verdict{Target: netip.AddrPortFrom(a, 0), State: probe.StateFiltered, Reason: probe.ReasonNoNeighbour, Err: err}
}

// endAll ends the probes that wait for a host.
func (e *engine) endAll(h *host) {
	for h.pending.n > 0 {
		t := e.waiting(h)
		if f := e.flights.at(t.id); e.flights.holds(t) {
			v := *h.absent()
			v.Target = f.target()
			f.outcome.Best, f.outcome.Rank = &v, wire.RankReset
			e.finish(t.id)
		}
	}
}
