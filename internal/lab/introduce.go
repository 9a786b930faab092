//go:build linux

package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// introduce tells an end of a link for good who is at the other: it does not ask for that
// neighbour, and answers when it is asked. The kernel has one table of neighbours for all
// namespaces of the machine (gc_thresh3 in arp(7)), which a scan elsewhere may fill; then a
// host could not note who asks, and would not answer. What is noted for good does not count.
func introduce(n *namespace, at netlink.Link, s subnet, place byte, of *namespace, other netlink.Link) error {
	neighbour, err := of.nl.LinkByIndex(other.Attrs().Index)
	if err != nil {
		return err
	}
	for _, p := range s.prefixes() {
		err := n.nl.NeighSet(&netlink.Neigh{
			LinkIndex:    at.Attrs().Index,
			State:        netlink.NUD_PERMANENT,
			IP:           s.at(place, p.Addr()).AsSlice(),
			HardwareAddr: neighbour.Attrs().HardwareAddr,
		})
		if err != nil {
			return fmt.Errorf("neighbour %s: %w", s.at(place, p.Addr()), err)
		}
	}
	return nil
}
