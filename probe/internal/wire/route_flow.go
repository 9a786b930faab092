package wire

import (
	"net/netip"

	"synscope/netraw"
	"synscope/probe"
)

// RouteFlow is the way from a port of ours to a target, where the kernel chooses one
// of several next hops for each connection and the network can say which, as
// [netraw.Conn] can; else it is the route.
func RouteFlow(n probe.Network, route netraw.Route, port uint16, target netip.AddrPort) netraw.Route {
	chooser, ok := n.(interface {
		RouteFlow(port uint16, target netip.AddrPort) (netraw.Route, error)
	})
	if !ok || !route.PerFlow {
		return route
	}
	if chosen, err := chooser.RouteFlow(port, target); err == nil {
		return chosen
	}
	return route
}
