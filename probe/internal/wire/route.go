package wire

import (
	"errors"
	"fmt"
	"net/netip"

	"synscope/netraw"
	"synscope/probe"
)

// RouteTo is the way to one host. It fails with the errors of the network, and with
// netraw.ErrBroadcast where the address is that of all machines of a network.
func RouteTo(n probe.Network, a netip.Addr) (netraw.Route, error) {
	route, err := n.Route(a)
	if err == nil && route.Broadcast {
		err = fmt.Errorf("%v: %w", a, netraw.ErrBroadcast)
	}
	return route, err
}

// NoWay is the verdict on a target to which there is no way from here.
func NoWay(target netip.AddrPort, err error) probe.Verdict {
	v := probe.Verdict{Target: target, Reason: probe.ReasonNoRoute, Err: err}
	if errors.Is(err, netraw.ErrBroadcast) {
		v.Reason = probe.ReasonBroadcast
	}
	return v
}
