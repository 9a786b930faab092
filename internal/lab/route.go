//go:build linux

package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// route makes everything along the chain of a host reach everything else: each
// station knows the subnets and prefixes ahead of it through the next one, and
// all else through the one before.
func (l *Lab) route(h *Host, prefixes []netip.Prefix) error {
	near := append([]*namespace{l.prober}, h.stations...)
	for hop, s := range h.links {
		for _, ahead := range h.links[hop+1:] {
			if err := near[hop].forward(s, farEnd, ahead.prefixes()...); err != nil {
				return err
			}
		}
		if err := near[hop].forward(s, farEnd, prefixes...); err != nil {
			return err
		}
		if err := h.stations[hop].forward(s, nearEnd, everything()...); err != nil {
			return err
		}
	}
	return h.ns.answer(prefixes)
}

// everything is the default route of both families.
func everything() []netip.Prefix {
	return []netip.Prefix{
		netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}
}

// forward routes prefixes through the station at a place of an adjoining subnet.
func (n *namespace) forward(s subnet, place byte, prefixes ...netip.Prefix) error {
	for _, p := range prefixes {
		err := n.nl.RouteAdd(&netlink.Route{
			Dst: ipNet(p.Masked()),
			Gw:  s.at(place, p.Addr()).AsSlice(),
		})
		if err != nil {
			return fmt.Errorf("route to %s: %w", p, err)
		}
	}
	return nil
}

// answer makes every address of the prefixes the namespace's own ("AnyIP"): a
// local route to the loopback interface, without assigning any address. Beware
// that ICMPv6 errors for such an address come from an assigned one.
func (n *namespace) answer(prefixes []netip.Prefix) error {
	lo, err := n.nl.LinkByName("lo")
	if err != nil {
		return err
	}
	for _, p := range prefixes {
		err := n.nl.RouteAdd(&netlink.Route{
			LinkIndex: lo.Attrs().Index,
			Dst:       ipNet(p.Masked()),
			Type:      unix.RTN_LOCAL,
			Table:     unix.RT_TABLE_LOCAL,
			Scope:     netlink.SCOPE_HOST,
		})
		if err != nil {
			return fmt.Errorf("local route to %s: %w", p, err)
		}
	}
	return nil
}
