package netraw

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// secondLink adds an interface that leads nowhere, with an address.
func secondLink(t *testing.T, name, prefix string, mtu int) int {
	t.Helper()
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, MTU: mtu}, PeerName: name + "x"}
	must(netlink.LinkAdd(link))
	t.Cleanup(func() { must(netlink.LinkDel(link)) })
	end, err := netlink.LinkByName(name + "x")
	must(err)
	must(netlink.LinkSetUp(end))
	must(netlink.LinkSetUp(link))
	eventually(t, name+" to come up", func() bool {
		l, err := netlink.LinkByName(name)
		must(err)
		return l.Attrs().OperState == netlink.OperUp
	})
	addr, err := netlink.ParseAddr(prefix)
	must(err)
	must(netlink.AddrAdd(link, addr))
	return link.Index
}

func TestRoute(t *testing.T) {
	p := newPeer(t)
	index := secondLink(t, "other0", "203.0.113.1/32", 1400)
	add := func(r netlink.Route) {
		t.Helper()
		if err := netlink.RouteAdd(&r); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { netlink.RouteDel(&r) }) // most go with their interface
	}
	add(netlink.Route{Dst: ipNet("10.1.0.0/16"), Gw: net.IP(peer4.AsSlice())})
	add(netlink.Route{Dst: ipNet("10.2.0.0/16"), Gw: net.IP(peer4.AsSlice()), MTU: 1300})
	add(netlink.Route{Dst: ipNet("2001:db8:a::/48"), Gw: net.IP(p.thereLL.AsSlice()), LinkIndex: p.hereIndex})
	add(netlink.Route{Dst: ipNet("10.3.0.0/16"), LinkIndex: p.hereIndex,
		Via: &netlink.Via{AddrFamily: unix.AF_INET6, Addr: p.thereLL.AsSlice()}})
	add(netlink.Route{Dst: ipNet("10.9.0.0/16"), LinkIndex: index, Table: 77})
	rule := netlink.NewRule()
	rule.Src, rule.Table, rule.Priority = ipNet("203.0.113.1/32"), 77, 100
	must(netlink.RuleAdd(rule))
	t.Cleanup(func() { must(netlink.RuleDel(rule)) })

	here := Route{Interface: p.here, IfIndex: p.hereIndex, MTU: 1500}
	with := func(change func(*Route)) Route {
		r := here
		change(&r)
		return r
	}
	other4 := netip.MustParseAddr("203.0.113.1")
	for _, tc := range []struct {
		name string
		cfg  Config
		dst  string
		want Route
	}{
		{"on the link", Config{}, "192.0.2.9", with(func(r *Route) { r.Source = our4 })},
		{"on the link, IPv6", Config{}, "2001:db8::9", with(func(r *Route) { r.Source = our6 })},
		{"mapped", Config{}, "::ffff:192.0.2.9", with(func(r *Route) { r.Source = our4 })},
		{"gateway", Config{}, "10.1.1.1", with(func(r *Route) { r.Source, r.NextHop = our4, peer4 })},
		{"gateway and MTU", Config{}, "10.2.1.1", with(func(r *Route) { r.Source, r.NextHop, r.MTU = our4, peer4, 1300 })},
		{"link-local gateway", Config{}, "2001:db8:a::1", with(func(r *Route) { r.Source, r.NextHop = our6, p.thereLL })},
		{"IPv4 by an IPv6 gateway", Config{}, "10.3.1.1", with(func(r *Route) { r.Source, r.NextHop = our4, p.thereLL })},
		{"zone", Config{}, "fe80::2%here0", with(func(r *Route) { r.Source = p.hereLL })},
		{"zone of the interface", Config{Interface: "here0"}, "fe80::2", with(func(r *Route) { r.Source = p.hereLL })},
		{"rule by source", Config{Source: other4}, "10.9.1.1",
			Route{Interface: "other0", IfIndex: index, Source: other4, MTU: 1400}},
		{"interface by name", Config{Interface: "other0"}, "198.51.100.9",
			Route{Interface: "other0", IfIndex: index, Source: other4, MTU: 1400}},
		{"local", Config{}, "192.0.2.1", Route{Interface: "lo", IfIndex: 1, Source: our4, MTU: 65536, Local: true}},
		{"loopback", Config{}, "127.0.0.1", Route{Interface: "lo", IfIndex: 1, Source: lo4, MTU: 65536, Local: true}},
		{"loopback, IPv6", Config{}, "::1", Route{Interface: "lo", IfIndex: 1, Source: lo6, MTU: 65536, Local: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := open(t, &tc.cfg).Route(netip.MustParseAddr(tc.dst))
			if err != nil || got != tc.want {
				t.Errorf("Route(%s) = %+v, %v\nwant %+v", tc.dst, got, err, tc.want)
			}
		})
	}
}

func TestNoRoute(t *testing.T) {
	newPeer(t)
	for i, kind := range []int{unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_BLACKHOLE, unix.RTN_THROW} {
		for _, dst := range []string{"10.%.0.0/16", "2001:db8:%::/48"} {
			dst = strings.ReplaceAll(dst, "%", string(rune('1'+i)))
			r := netlink.Route{Dst: ipNet(dst), Type: kind}
			must(netlink.RouteAdd(&r))
			t.Cleanup(func() { must(netlink.RouteDel(&r)) })
		}
	}
	for _, tc := range []struct {
		cfg  Config
		dst  string
		want error
	}{
		{Config{}, "198.51.100.1", ErrNoRoute},
		{Config{}, "2001:db8:77::1", ErrNoRoute},
		{Config{}, "10.1.0.1", ErrNoRoute}, {Config{}, "2001:db8:1::1", ErrNoRoute},
		{Config{}, "10.2.0.1", ErrNoRoute}, {Config{}, "2001:db8:2::1", ErrNoRoute},
		{Config{}, "10.3.0.1", ErrNoRoute}, {Config{}, "2001:db8:3::1", ErrNoRoute},
		{Config{}, "10.4.0.1", ErrNoRoute}, {Config{}, "2001:db8:4::1", ErrNoRoute},
		{Config{Source: our4}, "2001:db8::2", ErrNoRoute},
		{Config{Interface: "here0"}, "fe80::2%lo", ErrNoRoute},
		{Config{}, "fe80::2%nosuch0", ErrNoInterface},
		{Config{}, "fe80::2", ErrNoInterface},
	} {
		r, err := open(t, &tc.cfg).Route(netip.MustParseAddr(tc.dst))
		if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.dst) {
			t.Errorf("Route(%s) under %+v: %+v, %v; want %v naming it", tc.dst, tc.cfg, r, err, tc.want)
		}
		if errors.Is(err, ErrPermission) {
			t.Errorf("Route(%s): %v says that a privilege is missing", tc.dst, err)
		}
	}
	if _, err := open(t, nil).Route(netip.Addr{}); !errors.Is(err, ErrNoRoute) {
		t.Errorf("Route of the zero Addr: %v", err)
	}
}

func BenchmarkRoute(b *testing.B) {
	newPeer(b)
	for name, dst := range map[string]netip.Addr{"ipv4": peer4, "ipv6": peer6} {
		b.Run(name, func(b *testing.B) {
			c := open(b, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Route(dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
