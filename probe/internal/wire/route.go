package wire

import (
	"errors"
	"fmt"
	"net/netip"

	"synscope/netraw"
	"synscope/probe"
)

// RouteTo is the way to one host. It fails with the errors of the network, and with
// [netraw.ErrBroadcast] or [netraw.ErrNoHost] where the address is not one of a host.
func RouteTo(n probe.Network, a netip.Addr) (netraw.Route, error) {
	route, err := n.Route(a)
	if err == nil && route.Broadcast {
		err = notAHost(a)
	}
	return route, err
}

// notAHost is why nobody can be connected to at an address that is not one of a host.
func notAHost(a netip.Addr) error {
	if err := netraw.NoHost(a); err != nil {
		return fmt.Errorf("%v: %w", a, err)
	}
	return fmt.Errorf("%v: %w", a, netraw.ErrBroadcast)
}

// NotAHost tells whether an error says that an address is not one of a host.
func NotAHost(err error) bool {
	return errors.Is(err, netraw.ErrBroadcast) || errors.Is(err, netraw.ErrNoHost)
}

// ReasonNotAHost is the reason of a target whose address is not one of a host.
func ReasonNotAHost(a netip.Addr) probe.Reason {
	if errors.Is(netraw.NoHost(a), netraw.ErrNoHost) {
		return probe.ReasonNoHost
	}
	return probe.ReasonBroadcast
}

// SaysNotAHost tells whether a reason is one of [ReasonNotAHost].
func SaysNotAHost(r probe.Reason) bool { return r == probe.ReasonBroadcast || r == probe.ReasonNoHost }

// NoWay is the verdict on a target to which there is no way from here.
func NoWay(target netip.AddrPort, err error) probe.Verdict {
	v := probe.Verdict{Target: target, Reason: probe.ReasonNoRoute, Err: err}
	if NotAHost(err) {
		v.Reason = ReasonNotAHost(target.Addr())
	}
	return v
}
