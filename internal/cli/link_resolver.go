package cli

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// deadHops are next hops that did not answer on the link before the run, in their zones.
type deadHops map[netip.Addr]bool

// take makes them those of a list.
func (d *deadHops) take(list []gateway) {
	*d = deadHops{}
	for _, g := range list {
		(*d)[g.addr] = true
	}
}

// lead reports whether a route leads by one of them. A route that the kernel chooses for each
// connection may lead by another one too.
func (d deadHops) lead(r *netraw.Route) bool {
	return len(d) > 0 && r.NextHop.IsValid() && !r.PerFlow && d[hopOf(r)]
}

// hopOf is the next hop of a route, in its zone.
func hopOf(r *netraw.Route) netip.Addr {
	if hop := r.NextHop; hop.Is6() && hop.IsLinkLocalUnicast() {
		return hop.WithZone(r.Interface)
	}
	return r.NextHop
}

// linkResolver resolves hosts before they are probed. Hosts behind a next hop that does not answer
// count as absent, like neighbours that do not: packets to them would never leave.
type linkResolver struct {
	neighbours *netraw.Neighbours // nil: no host is on the link
	dead       *deadHops          // known when the run begins
}

// AskRoute is that of the neighbours.
func (r *linkResolver) AskRoute(dst netip.Addr, route netraw.Route) netraw.Neighbour {
	switch {
	case r.dead.lead(&route):
		return netraw.Neighbour{Addr: dst, State: netraw.NeighbourFailed, NextHop: hopOf(&route), IfIndex: route.IfIndex}
	case r.neighbours == nil:
		return netraw.Neighbour{Addr: dst, State: netraw.NeighbourUnneeded, IfIndex: route.IfIndex}
	}
	return r.neighbours.AskRoute(dst, route)
}

// AskAgain is that of the neighbours.
func (r *linkResolver) AskAgain(dst netip.Addr, route netraw.Route) netraw.Neighbour {
	if r.neighbours == nil {
		return r.AskRoute(dst, route)
	}
	return r.neighbours.AskAgain(dst, route)
}

// Poll is that of the neighbours.
func (r *linkResolver) Poll(found []netraw.Neighbour) []netraw.Neighbour {
	if r.neighbours == nil {
		return found
	}
	return r.neighbours.Poll(found)
}

// Next is that of the neighbours.
func (r *linkResolver) Next() (time.Duration, bool) {
	if r.neighbours == nil {
		return 0, false
	}
	return r.neighbours.Next()
}

// Ready is that of the neighbours; never where there are none.
func (r *linkResolver) Ready() <-chan struct{} {
	if r.neighbours == nil {
		return nil
	}
	return r.neighbours.Ready()
}

// wideLinkResolver is a linkResolver of a run without state.
type wideLinkResolver struct {
	linkResolver
	route func(netip.Addr) (netraw.Route, error)
}

// Ask is AskRoute by the route to dst.
func (r *wideLinkResolver) Ask(dst netip.Addr) netraw.Neighbour {
	route, err := r.route(dst)
	if err != nil {
		return netraw.Neighbour{Addr: dst, State: netraw.NeighbourUnknown, Err: err}
	}
	return r.AskRoute(dst, route)
}

// AskAgain has the link address that leads to dst asked for anew.
func (r *wideLinkResolver) AskAgain(dst netip.Addr) netraw.Neighbour {
	route, err := r.route(dst)
	if err != nil {
		return netraw.Neighbour{Addr: dst, State: netraw.NeighbourUnknown, Err: err}
	}
	return r.linkResolver.AskAgain(dst, route)
}

// Forget is that of the neighbours.
func (r *wideLinkResolver) Forget(dst netip.Addr) { r.neighbours.Forget(dst) }

// Asks reports whether a target off the link has to be asked about, too.
func (r *wideLinkResolver) Asks(route netraw.Route) bool { return r.dead.lead(&route) }

var _ probe.Neighbours = (*linkResolver)(nil)
