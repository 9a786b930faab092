package netraw

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// router asks the kernel for routes over one netlink socket of its own.
type router struct {
	mu      sync.Mutex
	handle  *netlink.Handle // nil when closed
	sockets map[int]*nl.SocketHandle
	ifindex int
	source  netip.Addr // without zone
	zone    int        // of a link-local source
	tos     uint8
	links   map[int]link
	ties    ties
	uid     uint32    // of those that open sockets
	obeyed  obedience // of all that send by these routes
	own     ownSources

	ranges    ranges
	several   bool         // some route of the machine has several next hops
	filtering map[int]bool // see filters
	perFlow   [2]bool      // of IPv4 and IPv6, the kernel chooses among them by ports too
}

// open checks that the interface exists and that the source is ours; either
// may be empty.
func (r *router) open(cfg Config) error {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", sandboxed(err))
	}
	source := cfg.Source.Unmap()
	r.handle, r.source, r.tos = handle, source.WithZone(""), cfg.TOS
	r.links, r.filtering, r.uid = make(map[int]link), make(map[int]bool), uint32(os.Geteuid())
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", sandboxed(err))
	}
	r.sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}
	if cfg.Interface != "" {
		if r.ifindex, err = r.interfaceIndex(cfg.Interface); err != nil {
			return err
		}
	}
	r.several = r.multipath()
	r.perFlow = [2]bool{hashesPorts("ipv4"), hashesPorts("ipv6")}
	if source.IsValid() {
		r.own.watch(r.source)
		return r.checkSource(source.Zone())
	}
	return nil
}

// multipath reports whether a route has several next hops, or may: those of next
// hop objects are not looked into (ip-nexthop(8)).
func (r *router) multipath() bool {
	found := false
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
		several := func(route netlink.Route) bool {
			found = found || len(route.MultiPath) > 1 || route.LinkIndex == 0 && route.Type == unix.RTN_UNICAST
			return !found
		}
		whole(func() error { return r.handle.RouteListFilteredIter(family, every, netlink.RT_FILTER_TABLE, several) })
	}
	return found
}

// reconsider is for when routes have changed.
func (r *router) reconsider() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle != nil {
		r.several = r.multipath()
		clear(r.filtering)
	}
}

// hashesPorts reports whether the kernel chooses among next hops by ports too:
// fib_multipath_hash_policy 1, and 3 where the fields say so (ip-sysctl, Linux).
func hashesPorts(family string) bool {
	const ports = 0x0010 | 0x0020 // of fib_multipath_hash_fields
	dir := "/proc/sys/net/" + family + "/fib_multipath_hash_"
	switch settingOf(dir + "policy") {
	case 1:
		return true
	case 3:
		return settingOf(dir+"fields")&ports != 0
	}
	return false
}

// settingOf is a number of proc(5), 0 where it cannot be read.
func settingOf(file string) int {
	text, _ := os.ReadFile(file)
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

func (r *router) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle != nil {
		r.handle.Close()
		r.handle = nil
		r.ranges.close()
		for _, s := range r.sockets {
			s.Close()
		}
	}
}

func (r *router) route(dst netip.Addr) (Route, error) { return r.routeFlow(dst, flowPorts{}) }

// routeFlow is the route of one connection, where the kernel chooses by ports.
func (r *router) routeFlow(dst netip.Addr, flow flowPorts) (Route, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle == nil {
		return Route{}, opError("route", "netlink", nil, net.ErrClosed)
	}
	if NoHost(dst) != nil {
		return Route{Broadcast: true}, nil
	}
	route, err := r.lookUp(dst.Unmap(), flow)
	if errors.Is(err, ErrNoRoute) && dst.Unmap().IsLoopback() { // of an lo that never was up
		err = cmp.Or(r.checkLocal(dst, &route), err)
	}
	if err != nil {
		return Route{}, fmt.Errorf("netraw: route to %v: %w", dst, err)
	}
	return route, nil
}

// lookUp asks as connect(2) does: first without a source, which the answer names,
// then with it, since rules may route by it.
func (r *router) lookUp(dst netip.Addr, flow flowPorts) (Route, error) {
	if known, ok := r.ranges.of(dst); ok && flow == (flowPorts{}) {
		r.own.watch(known.route.Source)
		r.bind(dst, &known.route, flow, known.table)
		return known.route, nil
	}
	q, err := r.question(dst)
	if err != nil {
		return Route{}, err
	}
	q.flow = flow
	hops, single := r.nextHops(q)
	q.tcp = hops > 1
	answer, err := r.ask(q)
	if err != nil {
		return Route{}, err
	}
	if !q.src.IsValid() {
		if q.src = answer.src; !q.src.IsValid() {
			return Route{}, r.sourceless(dst, answer)
		}
		if answer, err = r.withSource(q, answer); err != nil {
			return Route{}, err
		}
	}
	route, err := r.describe(answer, q.src)
	if err == nil {
		err = r.checkLocal(dst, &route)
	}
	if hops > 1 {
		route.NextHops = hops
		route.PerFlow = q.dst.Is4() && r.perFlow[0] || q.dst.Is6() && r.perFlow[1]
	}
	if err == nil {
		r.own.watch(route.Source)
		if !single || isLinkLocal6(dst) {
			r.bind(dst, &route, flow, answer.table)
		}
		r.note(q, &route, answer)
	}
	return route, err
}

// nextHops is how many a route has, where that may be several. single: it has one for sure, and
// its packets need not be tied to an interface. They must not be: among several default routes the
// kernel takes one whose gateway answers only for packets without one (fib_select_path in
// net/ipv4/fib_semantics.c).
func (r *router) nextHops(q routeQuestion) (n int, single bool) {
	if !r.several {
		return 0, false
	}
	q.whole = true
	all, err := r.ask(q)
	if err != nil {
		return 0, false
	}
	return all.nextHops, all.hops == 0 && all.oif != 0 && !all.object && !all.cloned
}

func (r *router) ask(q routeQuestion) (routeAnswer, error) {
	answer, err := lookUp(r.sockets, r.uid, q)
	if err == nil && refuses(answer.kind) {
		return answer, ErrNoRoute
	}
	return answer, err
}

// withSource asks again with the source that the first answer gave. Another
// interface in the same table is another next hop of the same route, to which
// that source does not belong: the first answer holds.
func (r *router) withSource(q routeQuestion, first routeAnswer) (routeAnswer, error) {
	if first.kind == unix.RTN_LOCAL {
		return first, nil
	}
	second, err := r.ask(q)
	if err == nil && second.table == first.table && second.oif != first.oif {
		return first, nil
	}
	return second, err
}

// sourceless is the error of a route that leads somewhere, from where there is
// no address to send from.
func (r *router) sourceless(dst netip.Addr, answer routeAnswer) error {
	version := "IPv6"
	if dst.Is4() {
		version = "IPv4"
	}
	l, err := r.link(answer.oif)
	if err != nil {
		return err
	}
	return fmt.Errorf("interface %s has no %s address, and none is to be had elsewhere: %w", l.name, version, ErrNoSource)
}

// checkLocal tells that packets for this machine are not delivered while lo is
// down, which the kernel does without a word.
func (r *router) checkLocal(dst netip.Addr, route *Route) error {
	if !route.Local && !dst.IsLoopback() {
		return nil
	}
	lo, err := r.handle.LinkByIndex(loopbackIndex)
	if err != nil {
		return err
	}
	if lo.Attrs().RawFlags&unix.IFF_UP == 0 {
		return errLoopbackDown
	}
	return nil
}

// bind ties the packets of a route to its interface, where the sender could not
// know it.
func (r *router) bind(dst netip.Addr, route *Route, flow flowPorts, table int) {
	if route.Local || r.ifindex != 0 && !isLinkLocal6(dst) {
		return
	}
	if isLinkLocal6(dst) || r.several {
		to := tie{ifindex: route.IfIndex}
		if dst.Is6() && route.NextHops > 1 {
			way, err := r.ask(routeQuestion{dst: dst, oif: route.IfIndex, tos: r.tos})
			to.sourceless = err == nil && way.oif == route.IfIndex && way.table == table
		}
		r.ties.tie(route.Source, dst, flow, to)
	}
}

func isLinkLocal6(a netip.Addr) bool {
	return a.Is6() && (a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast())
}

// inZone is Conn.InZone. A port's packets are its bridge's, which has the
// addresses.
func (r *router) inZone(a netip.Addr, ifindex int) netip.Addr {
	if !isLinkLocal6(a) {
		return a
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l, err := r.link(ifindex)
	if err == nil && l.master != 0 {
		l, err = r.link(l.master)
	}
	if err != nil {
		return a
	}
	return a.WithZone(l.name)
}

// question says under which constraints to look dst up, or that it cannot be.
func (r *router) question(dst netip.Addr) (q routeQuestion, err error) {
	q = routeQuestion{dst: dst.WithZone(""), src: r.source, oif: r.ifindex, tos: r.tos}
	switch {
	case !dst.IsValid():
		return q, fmt.Errorf("not an address: %w", ErrNoRoute)
	case r.source.IsValid() && r.source.Is4() != dst.Is4():
		return q, fmt.Errorf("the source address %v is of the other IP version: %w", r.source, ErrNoRoute)
	case r.zone != 0 && !isLinkLocal6(dst) && q.oif == 0:
		q.oif = r.zone
	}
	zone := 0
	switch {
	case dst.Zone() != "":
		if zone, err = r.interfaceIndex(dst.Zone()); err != nil {
			return q, err
		}
	case isLinkLocal6(dst):
		if zone = cmp.Or(r.ifindex, r.zone); zone == 0 {
			return q, ErrNoZone
		}
	default:
		return q, nil
	}
	if own := cmp.Or(r.ifindex, r.zone); own != 0 && own != zone {
		return q, fmt.Errorf("zone %s is not the interface of the source: %w", dst.Zone(), ErrNoRoute)
	}
	q.oif = zone
	return q, nil
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

func (r *router) describe(answer routeAnswer, source netip.Addr) (Route, error) {
	l, err := r.link(answer.oif)
	if err != nil {
		return Route{}, err
	}
	if l.dead && answer.kind != unix.RTN_LOCAL {
		delete(r.links, answer.oif) // to be asked about anew
		return Route{}, fmt.Errorf("%s has no carrier (its cable, or its far end): %w", l.name, ErrInterfaceDown)
	}
	return Route{
		Interface: l.name,
		IfIndex:   answer.oif,
		Source:    source,
		NextHop:   answer.gateway,
		MTU:       cmp.Or(answer.mtu, l.mtu),
		Local:     answer.kind == unix.RTN_LOCAL,
		Broadcast: answer.kind == unix.RTN_BROADCAST,
		encap:     answer.encap,
		Plain:     l.plain && answer.kind != unix.RTN_LOCAL || isForMany(answer.kind),
	}, nil
}
