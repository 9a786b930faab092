package netraw

import (
	"errors"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ranges remembers the routes of many IPv4 destinations by ranges that no route and no
// rule of the kernel divides, so that one of a range is asked about for all. That holds
// for routes to machines elsewhere with one next hop: the kernel then looks at the
// destination for nothing but the tables' prefixes and the rules' (fib_lookup and
// fib_select_path in net/ipv4), and takes the source from the route or from its interface
// (fib_result_prefsrc). Asked about one by one is what does not hold for:
//
//   - routes with several next hops, or with a next hop object, ip-nexthop(8);
//   - destinations of which the kernel keeps something of their own, a path MTU or a
//     redirect (struct fib_nh_exception);
//   - this machine's own addresses, broadcasts, multicast, and 0.0.0.0/8;
//   - machines with two routes that are alike but for their next hops, between which
//     the kernel chooses by what answers (fib_select_default);
//   - IPv6, which chooses a source by the destination (RFC 6724 §5).
//
// What the kernel tells of a change ends what was remembered before the next look-up.
// It tells nothing of exceptions that it learns, so everything is read anew each second.
//
// The zero value remembers nothing.
type ranges struct {
	events routeChanges
	heard  bool   // events are heard of: without, nothing is remembered
	never  bool   // while the tables are as they are, there is nothing to be remembered
	asked  int    // questions since something was last read
	worth  int    // so many questions cost as much as reading
	seen   uint64 // events, when it was read

	starts []uint32 // of the ranges; nil: nothing is remembered
	routes map[int]ranged
	apart  map[netip.Addr]bool // destinations of which the kernel keeps something
	until  time.Time
}

// ranged is the route of a range, and the table that it is from.
type ranged struct {
	route Route
	table int
}

const (
	// manyRoutes are so many that it pays to read the tables of a small machine, and
	// routesAQuestion of a larger one are read in the time of a question.
	manyRoutes      = 64
	routesAQuestion = 8
	// mostRoutes are those of a machine whose tables are read.
	mostRoutes = 20_000
	// rangesHold is for how long exceptions that the kernel learns meanwhile may be missed.
	rangesHold = time.Second
)

// rangeGroups are the rtnetlink(7) groups that tell of IPv4 routes. Next hop objects have
// theirs from Linux 5.3 on.
var rangeGroups = []uint{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV4_NETCONF,
}

// open begins to hear of changes. Where that cannot be nothing is remembered.
func (k *ranges) open() { k.heard = k.events.listen(rangeGroups) == nil }

func (k *ranges) close() {
	if k.heard {
		k.heard = false
		k.events.close()
	}
}

// of is the route of a destination's range, as the kernel would tell it now.
func (k *ranges) of(dst netip.Addr) (ranged, bool) {
	if k.starts == nil || !rememberable(dst) {
		return ranged{}, false
	}
	if count := k.events.changes(); count != k.seen || time.Now().After(k.until) {
		k.forget()
		return ranged{}, false
	}
	if k.apart[dst] {
		return ranged{}, false
	}
	found, ok := k.routes[lastNotAbove(k.starts, number4(dst))]
	return found, ok
}

func (k *ranges) forget() { k.starts, k.routes, k.apart = nil, nil, nil }

// rememberable reports whether all of the addresses that no route divides from one are
// alike: not where the kernel looks at the address itself (__mkroute_output in
// net/ipv4/route.c).
func rememberable(dst netip.Addr) bool {
	if !dst.Is4() {
		return false
	}
	first := dst.As4()[0]
	return first != 0 && first != 127 && first < 224
}

// note takes in what the kernel said of a destination, once enough were asked about.
func (r *router) note(q routeQuestion, route *Route, answer routeAnswer) {
	k := &r.ranges
	if !k.heard || k.hopeless() || q.flow != (flowPorts{}) || !rememberable(q.dst) {
		return
	}
	if k.starts == nil {
		if k.asked++; k.asked >= max(manyRoutes, k.worth) {
			r.readRanges() // what was asked before may have changed since
		}
		return
	}
	if answer.kind == unix.RTN_UNICAST && route.NextHops <= 1 && !k.apart[q.dst] && r.hasOneHop(q) {
		k.routes[lastNotAbove(k.starts, number4(q.dst))] = ranged{*route, answer.table}
	}
}

// hopeless reports whether the tables are still as they were when they were no use.
func (k *ranges) hopeless() bool {
	if k.never {
		count := k.events.changes()
		k.never = count == k.seen
	}
	return k.never
}

// hasOneHop reports whether the route of a destination has one next hop, of its own.
func (r *router) hasOneHop(q routeQuestion) bool {
	q.whole = true
	all, err := r.ask(q)
	return err == nil && all.hops <= 1 && !all.object
}

// readRanges reads where the ranges begin, and which destinations are apart.
func (r *router) readRanges() {
	k := &r.ranges
	k.asked = 0
	k.seen = k.events.changes()
	t := tables{apart: map[netip.Addr]bool{}, kinds: map[routeKind]bool{}}
	err := whole(func() error { return t.read(r) })
	k.worth = t.count / routesAQuestion
	if err != nil || t.alike || t.count > mostRoutes {
		k.never = err == nil
		return
	}
	var c routeCache
	c.divide(t.starts)
	k.starts, k.routes, k.apart, k.until = c.starts4, map[int]ranged{}, t.apart, time.Now().Add(rangesHold)
}

// tables is what is read of the kernel's IPv4 routes and rules.
type tables struct {
	starts []netip.Addr
	apart  map[netip.Addr]bool
	kinds  map[routeKind]bool
	count  int
	alike  bool // two routes differ in their next hops alone
}

// routeKind is what tells routes of one table apart.
type routeKind struct {
	dst             netip.Prefix
	table, priority int
	tos             uint8
}

func (t *tables) read(r *router) error {
	*t = tables{starts: []netip.Addr{netip.IPv4Unspecified()}, apart: map[netip.Addr]bool{}, kinds: map[routeKind]bool{}}
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.Sockets = r.sockets
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET}})
	var wrong error
	err := req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE, func(m []byte) bool {
		wrong = t.route(m)
		return wrong == nil && t.count <= mostRoutes
	})
	if err = errors.Join(err, wrong); err != nil {
		return err
	}
	rules, err := r.handle.RuleList(unix.AF_INET)
	for i := range rules {
		if rules[i].Dst != nil {
			t.mark(prefix(rules[i].Dst.IP, rules[i].Dst.Mask))
		}
	}
	return err
}

// route takes in one message of a dump. What the kernel keeps of a destination comes among
// the routes, and is marked as cloned.
func (t *tables) route(m []byte) error {
	msg := nl.DeserializeRtMsg(m)
	attrs, err := nl.ParseRouteAttr(m[msg.Len():])
	if err != nil {
		return err
	}
	kind := routeKind{table: int(msg.Table), tos: msg.Tos}
	addr := netip.IPv4Unspecified()
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.RTA_DST:
			addr = address(a.Value)
		case unix.RTA_TABLE:
			kind.table = int(number(a.Value))
		case unix.RTA_PRIORITY:
			kind.priority = int(number(a.Value))
		}
	}
	if msg.Flags&unix.RTM_F_CLONED != 0 {
		t.apart[addr] = true
		return nil
	}
	kind.dst = netip.PrefixFrom(addr, int(msg.Dst_len)).Masked()
	t.count++
	t.alike = t.alike || t.kinds[kind]
	t.kinds[kind] = true
	t.mark(kind.dst)
	return nil
}

// mark divides the addresses where a prefix begins and after it.
func (t *tables) mark(p netip.Prefix) {
	t.starts = append(t.starts, p.Addr())
	if after := last(p).Next(); after.IsValid() {
		t.starts = append(t.starts, after)
	}
}
