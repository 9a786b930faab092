//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// introduce tells an end of a link for good who is at the other: it does not ask for that
// neighbour, and answers when it is asked. The kernel has one table of neighbours for all
// namespaces of the machine (gc_thresh3 in arp(7)), which a scan elsewhere may fill; then a
// host could not note who asks, and would not answer. What is noted for good does not count.
func introduce(n *namespace, at netlink.Link, s subnet, place byte, of *namespace, other netlink.Link) error {
	return errors.Join(n.know(at, s.at4(place), of, other), n.know(at, s.at6(place), of, other))
}

// know notes for good that an address is at the other end of a link.
func (n *namespace) know(at netlink.Link, a netip.Addr, of *namespace, other netlink.Link) error {
	neighbour, err := of.nl.LinkByIndex(other.Attrs().Index)
	if err != nil {
		return err
	}
	err = n.nl.NeighSet(&netlink.Neigh{LinkIndex: at.Attrs().Index, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: neighbour.Attrs().HardwareAddr})
	if err != nil {
		return fmt.Errorf("neighbour %s: %w", a, err)
	}
	return nil
}

// Own gives the host further addresses in the network of its link. Its router, if it has
// one, knows where they are.
func (h *Host) Own(list ...netip.Addr) error {
	link, err := h.ns.nl.LinkByName(towardsProber)
	if err != nil {
		return err
	}
	for _, a := range list {
		bits := h.links[0].v4.Bits()
		if a.Is6() {
			bits = h.links[0].v6.Bits()
		}
		if err := h.ns.nl.AddrAdd(link, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(a, bits)), Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
		if last := len(h.stations) - 1; last > 0 {
			router := h.stations[last-1]
			towards, err := router.nl.LinkByName(towardsHost)
			if err == nil {
				err = router.know(towards, a, h.ns, link)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
