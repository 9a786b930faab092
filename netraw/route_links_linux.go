package netraw

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// link is what a route does not say of its interface.
type link struct {
	name   string
	mtu    int
	master int  // the bridge or bond that it is a port of; 0 for none
	plain  bool // packets need no link address
	// dead: up, and without a carrier when it was first asked about. What is lost
	// later is an outage of the run, which may end.
	dead bool
}

func linkOf(found netlink.Link) link {
	attrs := found.Attrs()
	const without = unix.IFF_NOARP | unix.IFF_LOOPBACK
	const carrying = unix.IFF_UP | unix.IFF_LOWER_UP
	return link{attrs.Name, attrs.MTU, attrs.MasterIndex, attrs.RawFlags&without != 0, attrs.RawFlags&carrying == unix.IFF_UP}
}

// interfaceIndex looks a name up and remembers what it found. A number that is no
// name is an index, as in zones (RFC 4007 §11.2).
func (r *router) interfaceIndex(name string) (int, error) {
	found, err := r.handle.LinkByName(name)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		if index, notANumber := strconv.Atoi(name); notANumber == nil && index > 0 {
			found, err = r.handle.LinkByIndex(index)
		}
	}
	if errors.As(err, new(netlink.LinkNotFoundError)) || errors.Is(err, unix.ENODEV) {
		return 0, fmt.Errorf("interface %q: %w", name, ErrNoInterface)
	}
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	r.links[found.Attrs().Index] = linkOf(found)
	return found.Attrs().Index, nil
}

func (r *router) link(index int) (link, error) {
	if l, ok := r.links[index]; ok {
		return l, nil
	}
	found, err := r.handle.LinkByIndex(index)
	if err != nil {
		return link{}, fmt.Errorf("interface %d: %w", index, err)
	}
	r.links[index] = linkOf(found)
	return r.links[index], nil
}

// addresses are those of all interfaces.
func (r *router) addresses() (all []netlink.Addr, err error) {
	err = whole(func() (err error) { all, err = r.handle.AddrList(nil, netlink.FAMILY_ALL); return err })
	return all, err
}

// checkSource accepts an address that an interface has, and one that a route
// of type local delivers here, such as all of 127.0.0.0/8. The zone of a
// link-local one may be left out where one interface alone has it.
func (r *router) checkSource(zone string) (err error) {
	addrs, err := r.addresses()
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	var on []int
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap() == r.source {
			on = append(on, a.LinkIndex)
		}
	}
	if r.source.Is6() && r.source.IsLinkLocalUnicast() {
		r.zone, err = r.sourceZone(zone, on)
		return err
	}
	if len(on) > 0 {
		return nil
	}
	answer, err := lookUp(r.sockets, r.uid, routeQuestion{dst: r.source})
	if err == nil && answer.kind == unix.RTN_LOCAL {
		return nil
	}
	return fmt.Errorf("source address %v: %w", r.source, ErrForeignSource)
}

// sourceZone is the interface that a link-local source belongs to, of those that
// have it.
func (r *router) sourceZone(zone string, on []int) (index int, err error) {
	if zone != "" {
		if index, err = r.interfaceIndex(zone); err != nil {
			return 0, err
		}
	}
	index = cmp.Or(index, r.ifindex)
	switch {
	case len(on) == 0, index != 0 && !slices.Contains(on, index):
		return 0, fmt.Errorf("source address %v: %w", r.source, ErrForeignSource)
	case index == 0 && len(on) > 1:
		return 0, fmt.Errorf("source address %v is on several interfaces, write it with its zone as in %v%%eth0: %w", r.source, r.source, ErrNoInterface)
	}
	return cmp.Or(index, on[0]), nil
}
