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
	if !route.PerFlow {
		return route
	}
	chooser, ok := within[interface {
		RouteFlow(port uint16, target netip.AddrPort) (netraw.Route, error)
	}](n)
	if !ok {
		return route
	}
	if chosen, err := chooser.RouteFlow(port, target); err == nil {
		return chosen
	}
	return route
}

// within finds what a network can do besides [probe.Network]: the network itself or one that it
// wraps, as long as the wrapping makes no difference to packets.
func within[T any](n probe.Network) (found T, ok bool) {
	for {
		if found, ok = n.(T); ok {
			return found, true
		}
		outer, wraps := n.(interface{ Unwrap() probe.Network })
		if !wraps {
			return found, false
		}
		n = outer.Unwrap()
	}
}
