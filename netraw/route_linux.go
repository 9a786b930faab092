package netraw

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// router asks the kernel for routes over one netlink socket of its own.
type router struct {
	mu      sync.Mutex
	handle  *netlink.Handle // nil when closed
	ifname  string
	ifindex int
	source  netip.Addr
	links   map[int]link
}

// link is what a route does not say of its interface.
type link struct {
	name  string
	mtu   int
	plain bool // packets need no link address
}

func linkOf(found netlink.Link) link {
	attrs := found.Attrs()
	const plain = unix.IFF_NOARP | unix.IFF_LOOPBACK
	return link{attrs.Name, attrs.MTU, attrs.RawFlags&plain != 0}
}

// open checks that the interface exists and that the source is ours; either
// may be empty.
func (r *router) open(ifname string, source netip.Addr) error {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	r.handle, r.ifname, r.source = handle, ifname, source.WithZone("")
	r.links = make(map[int]link)
	if ifname != "" {
		if r.ifindex, err = r.interfaceIndex(ifname); err != nil {
			return err
		}
	}
	if source.IsValid() {
		return r.checkSource()
	}
	return nil
}

func (r *router) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle != nil {
		r.handle.Close()
		r.handle = nil
	}
}

// interfaceIndex looks a name up and remembers what it found.
func (r *router) interfaceIndex(name string) (int, error) {
	found, err := r.handle.LinkByName(name)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return 0, fmt.Errorf("interface %q: %w", name, ErrNoInterface)
	}
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", name, err)
	}
	attrs := found.Attrs()
	r.links[attrs.Index] = linkOf(found)
	return attrs.Index, nil
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

// checkSource accepts an address that an interface has, and one that a route
// of type local delivers here, such as all of 127.0.0.0/8.
func (r *router) checkSource() error {
	addrs, err := r.handle.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap() == r.source {
			return nil
		}
	}
	routes, err := r.handle.RouteGet(r.source.AsSlice())
	if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
		return nil
	}
	return fmt.Errorf("source address %v: %w", r.source, ErrForeignSource)
}

func (r *router) route(dst netip.Addr) (Route, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle == nil {
		return Route{}, opError("route", "netlink", nil, net.ErrClosed)
	}
	route, err := r.lookUp(dst.Unmap())
	if err != nil {
		return Route{}, fmt.Errorf("netraw: route to %v: %w", dst, err)
	}
	return route, nil
}

func (r *router) lookUp(dst netip.Addr) (Route, error) {
	options, err := r.options(dst)
	if err != nil {
		return Route{}, err
	}
	found, err := r.handle.RouteGetWithOptions(dst.AsSlice(), options)
	if err != nil {
		return Route{}, fmt.Errorf("%w: %w", err, ErrNoRoute)
	}
	if len(found) == 0 || refuses(found[0].Type) {
		return Route{}, ErrNoRoute
	}
	return r.describe(found[0])
}

// options says under which constraints to look dst up, or that it cannot be.
func (r *router) options(dst netip.Addr) (*netlink.RouteGetOptions, error) {
	options := &netlink.RouteGetOptions{OifIndex: r.ifindex}
	if !dst.IsValid() {
		return nil, fmt.Errorf("not an address: %w", ErrNoRoute)
	}
	if r.source.IsValid() {
		if r.source.Is4() != dst.Is4() {
			return nil, fmt.Errorf("the source address %v is of the other IP version: %w", r.source, ErrNoRoute)
		}
		options.SrcAddr = r.source.AsSlice()
	}
	zone := dst.Zone()
	if zone == "" && dst.Is6() && dst.IsLinkLocalUnicast() && r.ifindex == 0 {
		return nil, fmt.Errorf("a link-local address needs a zone or an interface, as in %v%%eth0: %w", dst, ErrNoInterface)
	}
	if zone == "" || zone == r.ifname {
		return options, nil
	}
	index, err := r.interfaceIndex(zone)
	if err != nil {
		return nil, err
	}
	if r.ifindex != 0 && r.ifindex != index {
		return nil, fmt.Errorf("zone %s is not the interface %s: %w", zone, r.ifname, ErrNoRoute)
	}
	options.OifIndex = index
	return options, nil
}

// refuses reports whether a route of this type leads nowhere. For most of
// them the kernel answers the look-up with an error number instead.
func refuses(routeType int) bool {
	switch routeType {
	case unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_BLACKHOLE, unix.RTN_THROW:
		return true
	}
	return false
}

// isForMany reports whether packets for a route of this type go to several.
func isForMany(routeType int) bool {
	return routeType == unix.RTN_BROADCAST || routeType == unix.RTN_MULTICAST
}

func (r *router) describe(found netlink.Route) (Route, error) {
	l, err := r.link(found.LinkIndex)
	if err != nil {
		return Route{}, err
	}
	route := Route{
		Interface: l.name,
		IfIndex:   found.LinkIndex,
		Source:    address(found.Src),
		NextHop:   address(found.Gw),
		MTU:       found.MTU,
		Local:     found.Type == unix.RTN_LOCAL,
		Broadcast: found.Type == unix.RTN_BROADCAST,
		Plain:     l.plain && found.Type != unix.RTN_LOCAL || isForMany(found.Type),
	}
	if via, ok := found.Via.(*netlink.Via); ok {
		route.NextHop = address(via.Addr)
	}
	if route.MTU == 0 {
		route.MTU = l.mtu
	}
	if r.source.IsValid() {
		route.Source = r.source
	}
	return route, nil
}

// address is the zero Addr for nil.
func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
