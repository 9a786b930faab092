package netraw

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// A Conn that has been asked for many routes says of each what one says that is asked
// for it alone, whatever divides them: routes with a source of their own, rules by source
// and by destination, path MTUs, broadcasts and this machine's own addresses.
func TestRouteOfManyIsThatOfOne(t *testing.T) {
	p := newPeer(t)
	index := secondLink(t, "other0", "203.0.113.1/24", 1400)
	second, err := netlink.ParseAddr("198.51.100.7/24")
	must(err)
	must(netlink.AddrAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: index}}, second))
	for _, r := range []netlink.Route{
		{Dst: ipNet("10.1.0.0/16"), Gw: net.IP(peer4.AsSlice())},
		{Dst: ipNet("10.1.2.0/24"), Gw: net.IP(peer4.AsSlice()), Src: net.ParseIP("203.0.113.1")},
		{Dst: ipNet("10.1.2.128/25"), LinkIndex: index, MTU: 1300},
		{Dst: ipNet("10.1.3.0/24"), LinkIndex: index, Src: net.ParseIP("198.51.100.7")},
		{Dst: ipNet("10.1.4.0/24"), LinkIndex: index},
		{Dst: ipNet("10.1.5.0/24"), Type: 7}, // RTN_UNREACHABLE
		{Dst: ipNet("10.1.3.0/25"), LinkIndex: p.hereIndex, Table: 77},
		{Dst: ipNet("10.1.6.0/24"), LinkIndex: p.hereIndex, Table: 78},
	} {
		must(netlink.RouteAdd(&r))
		t.Cleanup(func() { netlink.RouteDel(&r) })
	}
	for _, by := range []netlink.Rule{
		{Src: ipNet("198.51.100.7/32"), Table: 77, Priority: 100},
		{Dst: ipNet("10.1.6.64/26"), Table: 78, Priority: 101},
	} {
		rule := netlink.NewRule()
		rule.Src, rule.Dst, rule.Table, rule.Priority = by.Src, by.Dst, by.Table, by.Priority
		must(netlink.RuleAdd(rule))
		t.Cleanup(func() { must(netlink.RuleDel(rule)) })
	}
	var dsts []netip.Addr
	for _, prefix := range []string{"10.1.%d.%d", "203.0.113.%[2]d", "198.51.100.%[2]d", "192.0.2.%[2]d", "127.0.%d.%d"} {
		for range 70 {
			dsts = append(dsts, netip.MustParseAddr(fmt.Sprintf(prefix, rand.IntN(8), rand.IntN(256))))
		}
	}
	rand.Shuffle(len(dsts), func(i, j int) { dsts[i], dsts[j] = dsts[j], dsts[i] })
	many, once := open(t, &Config{}), 0
	for _, dst := range dsts {
		many.routes.sources.until = time.Now().Add(time.Hour) // however slow the machine is
		_, known := many.routes.sources.of(dst)
		if known {
			once++
		}
		got, err := many.Route(dst)
		alone := open(t, &Config{})
		want, wantErr := alone.Route(dst)
		alone.Close()
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("%v: %+v, %v; asked alone %+v, %v", dst, got, err, want, wantErr)
		}
	}
	if once < len(dsts)/4 {
		t.Errorf("the source of %d of %d was known before", once, len(dsts))
	}
}

// Routes that come while it is asked are seen: at once where they lead elsewhere, and else
// when what was read has grown old.
func TestRouteOfManyFollowsChanges(t *testing.T) {
	newPeer(t)
	index := secondLink(t, "other0", "203.0.113.1/24", 1400)
	c := open(t, &Config{})
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.1.0.0/16"), Gw: net.IP(peer4.AsSlice())}))
	source := func(dst string) string {
		r, err := c.Route(netip.MustParseAddr(dst))
		must(err)
		return r.Interface + " " + r.Source.String()
	}
	for i := range 2 * manyRoutes {
		c.routes.sources.until = time.Now().Add(time.Hour)
		source(fmt.Sprintf("10.1.0.%d", i))
	}
	if _, known := c.routes.sources.of(netip.MustParseAddr("10.1.2.3")); !known {
		t.Fatal("the source is not known")
	}
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.1.1.0/24"), LinkIndex: index}))
	if got := source("10.1.1.1"); got != "other0 203.0.113.1" {
		t.Errorf("by a new route: %s", got)
	}
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.1.2.0/24"), Gw: net.IP(peer4.AsSlice()), Src: net.ParseIP("203.0.113.1")}))
	c.routes.sources.until = time.Now().Add(-1)
	if got := source("10.1.2.3"); got != "here0 203.0.113.1" {
		t.Errorf("by a new route with a source of its own: %s", got)
	}
	must(netlink.RouteDel(&netlink.Route{Dst: ipNet("10.1.0.0/16")}))
	if _, err := c.Route(netip.MustParseAddr("10.1.0.1")); err == nil {
		t.Error("a route that is gone is still told")
	}
}
