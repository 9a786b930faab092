package netraw

import (
	"fmt"
	"net/netip"
)

// NoHost is why nobody can be connected to at an address, whatever the routes say: [ErrNoHost]
// or [ErrBroadcast]. It is nil where that is a matter of the routes.
func NoHost(a netip.Addr) error {
	switch a = a.Unmap(); {
	case a == netip.IPv4Unspecified():
		return fmt.Errorf("%w: the unspecified address; write 127.0.0.1 for this machine", ErrNoHost)
	case a == netip.IPv6Unspecified():
		return fmt.Errorf("%w: the unspecified address; write ::1 for this machine", ErrNoHost)
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}): // RFC 919 §7
		return ErrBroadcast
	case a.IsMulticast():
		return fmt.Errorf("%w: a multicast address, which no TCP answers on", ErrNoHost)
	}
	return nil
}

// NotAHost is [NoHost] of an address whose route is known: also [ErrBroadcast], where the route
// leads to all machines of a network.
func (r *Route) NotAHost(a netip.Addr) error {
	switch err := NoHost(a); {
	case err != nil:
		return err
	case r.Broadcast:
		return ErrBroadcast
	}
	return nil
}
