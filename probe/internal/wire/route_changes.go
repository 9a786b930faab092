package wire

import (
	"time"

	"synscope/probe"
)

// RouteChanges tells a run when to look up its routes anew: they may lead elsewhere now, or from
// another address of ours, while packets to the old way still leave and draw no answer. The zero
// value never does.
type RouteChanges struct {
	source  interface{ RouteChanges() uint64 }
	seen    uint64
	look    time.Duration // when to look next
	pending bool          // there was a change since Due last said so
	quiet   time.Duration // until when another is not told of
}

// routesEvery is how often the kernel is asked, and the least time between two
// look-ups: where routes change all the time, that is often enough.
const (
	routesEvery = 20 * time.Millisecond
	routesQuiet = 200 * time.Millisecond
)

// NewRouteChanges watches a network that tells of changes, as [netraw.Conn] does. What
// was looked up before counts as old.
func NewRouteChanges(n probe.Network) RouteChanges {
	source, ok := within[interface{ RouteChanges() uint64 }](n)
	if !ok {
		return RouteChanges{}
	}
	return RouteChanges{source: source, seen: source.RouteChanges()}
}

// Due tells whether routes have changed since it last said so; the next time not
// before cost, which a look-up of all takes, is a small part of the time passed.
func (r *RouteChanges) Due(now, cost time.Duration) bool {
	if r.source == nil || now < r.look {
		return false
	}
	r.look = now + routesEvery
	if n := r.source.RouteChanges(); n != r.seen {
		r.seen, r.pending = n, true
	}
	if !r.pending || now < r.quiet {
		return false
	}
	r.pending, r.quiet = false, now+max(routesQuiet, routeShare*cost)
	return true
}

// RouteCost is about what one look-up takes, and routeShare in how many times that it
// happens once.
const (
	RouteCost  = 10 * time.Microsecond
	routeShare = 20
)
