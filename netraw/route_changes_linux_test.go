package netraw

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

// What ip(8) changes of routes, rules and interfaces is heard of; the look-up after it
// has the new way and source.
func TestRouteChanges(t *testing.T) {
	newPeer(t)
	index := secondLink(t, "other4", "203.0.113.1/24", 1500)
	c := open(t, nil)
	p, err := OpenPacket(nil, synTemplates(t))
	must(err)
	t.Cleanup(func() { p.Close() })
	dst := netip.MustParseAddr("10.98.1.1")
	far := &netlink.Route{Dst: ipNet("10.98.0.0/16"), Gw: peer4.AsSlice()}
	must(netlink.RouteAdd(far))
	t.Cleanup(func() { netlink.RouteDel(&netlink.Route{Dst: far.Dst}) })
	heard := func(engine interface{ RouteChanges() uint64 }, what string, change func() error) {
		t.Helper()
		before := engine.RouteChanges()
		must(change())
		eventually(t, what+" to be heard of", func() bool { return engine.RouteChanges() != before })
	}
	for _, engine := range []interface {
		RouteChanges() uint64
		Route(netip.Addr) (Route, error)
	}{c, p} {
		before, err := engine.Route(dst)
		if err != nil || before.Source != our4 {
			t.Fatalf("%+v, %v", before, err)
		}
		heard(engine, "a route", func() error {
			return netlink.RouteReplace(&netlink.Route{Dst: far.Dst, Gw: netip.MustParseAddr("203.0.113.2").AsSlice()})
		})
		after, err := engine.Route(dst)
		if err != nil || after.Source != netip.MustParseAddr("203.0.113.1") || after.IfIndex != index {
			t.Errorf("the route is looked up as it was: %+v, %v", after, err)
		}
		rule := netlink.NewRule()
		rule.Dst, rule.Table, rule.Priority = ipNet("10.97.0.0/16"), 100, 7
		heard(engine, "a rule", func() error { return netlink.RuleAdd(rule) })
		must(netlink.RuleDel(rule))
		link, err := netlink.LinkByIndex(index)
		must(err)
		heard(engine, "an interface that is down", func() error { return netlink.LinkSetDown(link) })
		heard(engine, "an interface that is up", func() error { return netlink.LinkSetUp(link) })
		heard(engine, "the first route", func() error { return netlink.RouteReplace(far) })
	}
}
