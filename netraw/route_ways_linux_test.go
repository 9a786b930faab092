package netraw

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// A route from nowhere is told of before anything is sent.
func TestNoSource(t *testing.T) {
	newPeer(t)
	secondLink(t, "bare0", "203.0.113.1/32", 1500)
	bare, err := netlink.LinkByName("bare0")
	must(err)
	own, err := netlink.ParseAddr("203.0.113.1/32")
	must(err)
	must(netlink.AddrDel(bare, own))
	near, err := netlink.LinkByName("here0")
	must(err)
	list, err := netlink.AddrList(near, netlink.FAMILY_V4)
	must(err)
	must(netlink.AddrDel(near, &list[0])) // no IPv4 but 127.0.0.1
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.9.0.0/24"), LinkIndex: bare.Attrs().Index}))
	for _, cfg := range []Config{{}, {Interface: "bare0"}} {
		_, err := open(t, &cfg).Route(netip.MustParseAddr("10.9.0.5"))
		if !errors.Is(err, ErrNoSource) || !errors.Is(err, ErrNoRoute) || !strings.Contains(err.Error(), "bare0 has no IPv4 address") {
			t.Errorf("under %+v: %v", cfg, err)
		}
	}
	n := openNeighbours(t, nil)
	if got := n.Ask(netip.MustParseAddr("10.9.0.5")); got.State != NeighbourUnknown || !errors.Is(got.Err, ErrNoSource) {
		t.Errorf("neighbour: %+v", got)
	}
}

// Of two default routes packets take the one whose gateway answers, as the kernel's own do,
// where another route of the machine has several next hops too.
func TestDefaultRouteThatAnswers(t *testing.T) {
	p := newPeer(t)
	index := secondLink(t, "other3", "203.0.113.1/24", 1500)
	gone := netip.MustParseAddr("192.0.2.77") // on the same link, which says nothing of the gateway
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: p.hereIndex, State: netlink.NUD_REACHABLE, IP: peer4.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.99.0.0/16"), MultiPath: []*netlink.NexthopInfo{
		{LinkIndex: p.hereIndex, Gw: peer4.AsSlice()}, {LinkIndex: index, Gw: netip.MustParseAddr("203.0.113.2").AsSlice()},
	}}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("0.0.0.0/0"), LinkIndex: p.hereIndex, Gw: gone.AsSlice()}))
	must(netlink.RouteAppend(&netlink.Route{Dst: ipNet("0.0.0.0/0"), LinkIndex: p.hereIndex, Gw: peer4.AsSlice()}))
	dst := netip.MustParseAddr("198.18.77.1")
	must(netlink.NeighAdd(&netlink.Neigh{LinkIndex: p.hereIndex, State: netlink.NUD_FAILED, IP: gone.AsSlice()}))
	told, err := netlink.RouteGet(dst.AsSlice())
	must(err)
	if !told[0].Gw.Equal(peer4.AsSlice()) {
		t.Fatalf("the kernel itself goes by %v", told[0].Gw)
	}
	c := open(t, &Config{WatchOutgoing: true})
	route, err := c.Route(dst)
	must(err)
	if _, err := c.Send([][]byte{segment(netip.AddrPortFrom(route.Source, c.Ports()[0]), netip.AddrPortFrom(dst, 9), flagSYN, 1, 0)}); err != nil {
		t.Fatal(err)
	}
	left := false // no packet leaves for a gateway that does not answer
	await(t, c, func(pkt Packet) bool {
		if pkt.Outgoing {
			left = true
		}
		return left
	})
	if route.NextHop != peer4 || !left {
		t.Errorf("next hop %v, want %v; left %t", route.NextHop, peer4, left)
	}
}

// Of equal routes a packet takes the one that its source was chosen for,
// whatever the kernel hashes, and half of the destinations take each.
func TestEqualRoutes(t *testing.T) {
	p := newPeer(t)
	index := secondLink(t, "other2", "203.0.113.1/24", 1500)
	gw := netip.MustParseAddr("203.0.113.2")
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT,
		IP: gw.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.99.0.0/16"), MultiPath: []*netlink.NexthopInfo{
		{LinkIndex: p.hereIndex, Gw: peer4.AsSlice()}, {LinkIndex: index, Gw: gw.AsSlice()},
	}}))
	own := map[netip.Addr]int{our4: p.hereIndex, netip.MustParseAddr("203.0.113.1"): index}
	for _, policy := range []string{"0", "1"} {
		setSysctl(t, "net.ipv4.fib_multipath_hash_policy", policy)
		c := open(t, &Config{WatchOutgoing: true})
		used := map[int]int{}
		var batch [][]byte
		for i, dst := 0, netip.MustParseAddr("10.99.1.0"); i < 64; i, dst = i+1, dst.Next() {
			route, err := c.Route(dst)
			must(err)
			if own[route.Source] != route.IfIndex {
				t.Errorf("policy %s, %v: source %v, interface %d", policy, dst, route.Source, route.IfIndex)
			}
			used[route.IfIndex]++
			batch = append(batch, segment(netip.AddrPortFrom(route.Source, c.Ports()[0]), netip.AddrPortFrom(dst, 9), flagSYN, uint32(i), 0))
		}
		if _, err := c.Send(batch); err != nil {
			t.Fatal(err)
		}
		left := 0
		await(t, c, func(pkt Packet) bool {
			if pkt.Outgoing {
				left++
				if src := netip.AddrFrom4([4]byte(pkt.Data[12:16])); own[src] != pkt.IfIndex {
					t.Errorf("policy %s: what is from %v left through %d", policy, src, pkt.IfIndex)
				}
			}
			return left == len(batch)
		})
		if left != len(batch) || len(used) != 2 {
			t.Errorf("policy %s: %d left, ways %v", policy, left, used)
		}
	}
}

// Two zones of one number are two hosts; a zone may be a number.
func TestTwoZones(t *testing.T) {
	p := newPeer(t)
	index := secondLink(t, "other3", "203.0.113.1/32", 1500)
	other, err := netlink.LinkByName("other3")
	must(err)
	addr, err := netlink.ParseAddr(p.hereLL.String() + "/64") // the same on both
	must(err)
	addr.Flags = unix.IFA_F_NODAD
	must(netlink.AddrAdd(other, addr))
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT,
		IP: p.thereLL.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
	eventually(t, "the address to be usable", func() bool {
		h := &netlink.Handle{}
		return usable(h, "other3", p.hereLL)
	})

	c := open(t, &Config{WatchOutgoing: true})
	pkt := segment(netip.AddrPortFrom(p.hereLL, c.Ports()[0]), netip.AddrPortFrom(p.thereLL, 9), flagSYN, 1, 0)
	if _, err := c.Send([][]byte{pkt}); !errors.Is(err, ErrNoInterface) {
		t.Errorf("before any zone was named: %v", err)
	}
	numeric := p.thereLL.WithZone(itoa(p.hereIndex))
	route, err := c.Route(numeric)
	if err != nil || route.Interface != p.here || route.Source != p.hereLL {
		t.Fatalf("%v: %+v, %v", numeric, route, err)
	}
	if got := leaves(t, c, pkt, 0); got != p.hereIndex {
		t.Errorf("left through %d, the zone is %d", got, p.hereIndex)
	}
	second, err := c.Route(p.thereLL.WithZone("other3"))
	must(err)
	if _, err := c.Send([][]byte{pkt}); !errors.Is(err, ErrNoInterface) {
		t.Errorf("in either zone: %v", err)
	}
	for _, r := range []Route{route, second} {
		if got := leaves(t, c, pkt, r.IfIndex); got != r.IfIndex {
			t.Errorf("sent through %d it left through %d", r.IfIndex, got)
		}
	}
	if got := c.InZone(p.thereLL, index); got != p.thereLL.WithZone("other3") {
		t.Errorf("what came from interface %d is %v", index, got)
	}
	if got := c.InZone(peer6, index); got != peer6 {
		t.Errorf("a global address became %v", got)
	}
}

// A link-local source with a zone is an interface too.
func TestSourceInAZone(t *testing.T) {
	p := newPeer(t)
	for _, source := range []netip.Addr{p.hereLL, p.hereLL.WithZone(p.here), p.hereLL.WithZone(itoa(p.hereIndex))} {
		c := open(t, &Config{Source: source})
		route, err := c.Route(p.thereLL)
		if err != nil || route.IfIndex != p.hereIndex || route.Source != p.hereLL {
			t.Errorf("-S %v: %+v, %v", source, route, err)
			continue
		}
		sendSYN(t, c, p.thereLL, 9)
	}
	if _, err := Open(&Config{Source: p.hereLL.WithZone("lo")}); !errors.Is(err, ErrForeignSource) {
		t.Errorf("in a foreign zone: %v", err)
	}
}

// Without lo this machine's own addresses are out of reach.
func TestLoopbackDown(t *testing.T) {
	newPeer(t)
	lo, err := netlink.LinkByName("lo")
	must(err)
	c := open(t, nil)
	must(netlink.LinkSetDown(lo))
	t.Cleanup(func() { must(netlink.LinkSetUp(lo)) })
	for _, dst := range []netip.Addr{lo4, our4, our6, netip.IPv6Loopback()} { // the last of which goes with lo
		_, err := c.Route(dst)
		if !errors.Is(err, ErrInterfaceDown) || !strings.Contains(err.Error(), "lo is down") {
			t.Errorf("%v: %v does not say what is down", dst, err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer stop()
		if _, err = (Dialer{}).Dial(ctx, netip.AddrPortFrom(dst, 80)); !errors.Is(err, ErrNoRoute) || !strings.Contains(err.Error(), "lo is down") {
			t.Errorf("connecting to %v: %v does not say what is down", dst, err)
		}
	}
}

// A rule by type of service holds for Route and for what is sent.
func TestRouteByTypeOfService(t *testing.T) {
	p := newPeer(t)
	index := secondLink(t, "other4", "203.0.113.1/24", 1500)
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT,
		IP: netip.MustParseAddr("203.0.113.2").AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.55.0.0/16"), Gw: peer4.AsSlice()}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.55.0.0/16"), Gw: net.IP{203, 0, 113, 2}, Table: 79}))
	rule := netlink.NewRule()
	rule.Tos, rule.Table, rule.Priority, rule.Family = 0x10, 79, 100, unix.AF_INET
	must(netlink.RuleAdd(rule))
	t.Cleanup(func() { must(netlink.RuleDel(rule)) })
	dst := netip.MustParseAddr("10.55.1.1")
	for tos, want := range map[uint8]int{0: p.hereIndex, 0x10: index} {
		c := open(t, &Config{TOS: tos, WatchOutgoing: true})
		route, err := c.Route(dst)
		if err != nil || route.IfIndex != want {
			t.Errorf("tos %#x: %+v, %v", tos, route, err)
		}
		pkt := segment(netip.AddrPortFrom(route.Source, c.Ports()[0]), netip.AddrPortFrom(dst, 9), flagSYN, 1, 0)
		pkt[1] = tos
		if got := leaves(t, c, pkt, 0); got != want {
			t.Errorf("tos %#x: left through %d, want %d", tos, got, want)
		}
	}
}

// Rules that raw packets are not routed by are named.
func TestRouteRemarks(t *testing.T) {
	newPeer(t)
	c := open(t, nil)
	if got := c.RouteRemarks(); len(got) != 0 {
		t.Errorf("without such rules: %q", got)
	}
	rule := netlink.NewRule()
	rule.Dport, rule.Table, rule.Priority, rule.IPProto = netlink.NewRulePortRange(443, 443), 79, 4242, unix.IPPROTO_TCP
	must(netlink.RuleAdd(rule))
	t.Cleanup(func() { must(netlink.RuleDel(rule)) })
	got := c.RouteRemarks()
	if len(got) != 1 || !strings.Contains(got[0], "4242") || !strings.Contains(got[0], "destination port") {
		t.Errorf("%q", got)
	}
}

// A broadcast address is told as such.
func TestBroadcastRoute(t *testing.T) {
	newPeer(t)
	near, err := netlink.LinkByName("here0")
	must(err)
	addr, err := netlink.ParseAddr("198.18.0.1/24")
	must(err)
	must(netlink.AddrAdd(near, addr))
	c := open(t, nil)
	for dst, want := range map[string]bool{"192.0.2.255": true, "198.18.0.255": true, "192.0.2.2": false} {
		route, err := c.Route(netip.MustParseAddr(dst))
		if err != nil || route.Broadcast != want {
			t.Errorf("%s: %+v, %v", dst, route, err)
		}
	}
}

// What is seen on an interface and again on one that is stacked upon it is
// received once.
func TestStackedInterfaces(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	for _, kind := range []string{"bridge", "macvlan", "ipvlan", "vlan"} {
		t.Run(kind, func(t *testing.T) {
			p := newPeer(t)
			our, index := p.stack(t, kind)
			dst := peer4
			if kind == "vlan" {
				dst = netip.MustParseAddr("198.18.7.2")
			}
			for engine, c := range map[string]interface {
				Send([][]byte) (int, error)
				Recv([]Packet) (int, error)
				SetReadDeadline(time.Time) error
				Ports() []uint16
			}{"raw": open(t, nil), "packet": openPacket(t, Config{})} {
				const n = 50
				var batch [][]byte
				for i := range n {
					batch = append(batch, segment(netip.AddrPortFrom(our, c.Ports()[0]), netip.AddrPortFrom(dst, uint16(i+1)), flagSYN, uint32(i), 0))
				}
				if _, err := c.Send(batch); err != nil {
					t.Fatal(err)
				}
				seen := map[uint16]int{}
				pkts := make([]Packet, 16)
				for {
					must(c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)))
					k, err := c.Recv(pkts)
					if err != nil {
						break
					}
					for _, pkt := range pkts[:k] {
						seen[binary.BigEndian.Uint16(tcpHeader(pkt.Data))]++
					}
				}
				for port, times := range seen {
					if times != 1 {
						t.Errorf("%s: the answer of port %d came %d times", engine, port, times)
						break
					}
				}
				if len(seen) != n {
					t.Errorf("%s: %d ports answered, want %d (interface %d)", engine, len(seen), n, index)
				}
			}
		})
	}
}

// stack puts an interface upon ours and moves our address to it.
func (p *peer) stack(t *testing.T, kind string) (our netip.Addr, index int) {
	t.Helper()
	near, err := netlink.LinkByName(p.here)
	must(err)
	attrs := netlink.LinkAttrs{Name: "upon0", ParentIndex: p.hereIndex}
	var upon netlink.Link
	switch kind {
	case "bridge":
		attrs.ParentIndex = 0
		upon = &netlink.Bridge{LinkAttrs: attrs}
	case "macvlan":
		upon = &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}
	case "ipvlan":
		upon = &netlink.IPVlan{LinkAttrs: attrs, Mode: netlink.IPVLAN_MODE_L2}
	case "vlan":
		upon = &netlink.Vlan{LinkAttrs: attrs, VlanId: 7}
	}
	switch err := netlink.LinkAdd(upon); {
	case errors.Is(err, unix.EOPNOTSUPP):
		t.Skip("this kernel has no " + kind)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { must(netlink.LinkDel(upon)) })
	if kind == "bridge" {
		must(netlink.LinkSetMaster(near, upon))
	}
	must(netlink.LinkSetUp(upon))
	our = our4
	if kind == "vlan" {
		our = netip.MustParseAddr("198.18.7.1")
		far, err := p.thereHandler.LinkByName(p.there)
		must(err)
		tagged := &netlink.Vlan{LinkAttrs: netlink.LinkAttrs{Name: "upon0", ParentIndex: far.Attrs().Index}, VlanId: 7}
		must(p.thereHandler.LinkAdd(tagged))
		must(p.thereHandler.LinkSetUp(tagged))
		addr, err := netlink.ParseAddr("198.18.7.2/24")
		must(err)
		must(p.thereHandler.AddrAdd(tagged, addr))
	} else {
		list, err := netlink.AddrList(near, netlink.FAMILY_V4)
		must(err)
		must(netlink.AddrDel(near, &list[0]))
	}
	addr, err := netlink.ParseAddr(our.String() + "/24")
	must(err)
	must(netlink.AddrAdd(upon, addr))
	p.strangers()
	eventually(t, "the stacked interface to come up", func() bool {
		l, err := netlink.LinkByName("upon0")
		must(err)
		return l.Attrs().OperState != netlink.OperDown
	})
	n := openNeighbours(t, nil)
	dst := peer4
	if kind == "vlan" {
		dst = netip.MustParseAddr("198.18.7.2")
	}
	eventually(t, "the peer to be known", func() bool {
		n.Forget(dst)
		if n.Ask(dst).State == NeighbourResolved {
			return true
		}
		return settle(t, n)[dst].State == NeighbourResolved
	})
	return our, upon.Attrs().Index
}

// An interface without a carrier has routes, which lead nowhere; once it has one
// they do.
func TestRouteWithoutACarrier(t *testing.T) {
	p := newPeer(t)
	far, err := p.thereHandler.LinkByName(p.there)
	must(err)
	must(p.thereHandler.LinkSetDown(far))
	c := open(t, nil)
	if route, err := c.Route(peer4); !errors.Is(err, ErrInterfaceDown) || !strings.Contains(err.Error(), "no carrier") {
		t.Errorf("%+v, %v", route, err)
	}
	if route, err := c.Route(our4); err != nil || !route.Local {
		t.Errorf("our own address: %+v, %v", route, err)
	}
	must(p.thereHandler.LinkSetUp(far))
	eventually(t, "the carrier", func() bool {
		route, err := c.Route(peer4)
		return err == nil && route.Interface == p.here
	})
	must(p.thereHandler.LinkSetDown(far))
	if _, err := c.Route(peer4); err != nil {
		t.Errorf("a carrier that is lost in mid-run is an outage, and no lack of a route: %v", err)
	}
}
