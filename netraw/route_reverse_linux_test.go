package netraw

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

// What a strict reverse path filter discards is told of, and nothing else.
func TestTakesIn(t *testing.T) {
	p := newPeer(t)
	other := secondLink(t, "other6", "203.0.113.1/24", 1500)
	stranger := netip.MustParseAddr("198.51.100.77") // routed through the peer
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("198.51.100.77/32"), Gw: peer4.AsSlice()}))
	for _, row := range []struct {
		setting string
		ifindex int
		src     netip.Addr
		taken   bool
	}{
		{"0", other, stranger, true},
		{"1", other, stranger, false},
		{"1", other, peer4, false},
		{"1", p.hereIndex, stranger, true},
		{"1", p.hereIndex, peer4, true},
		{"1", other, netip.MustParseAddr("203.0.113.2"), true},
		{"2", other, stranger, true},
		{"1", other, peer6, true}, // IPv6 has no such filter
	} {
		setSysctl(t, "net.ipv4.conf.all.rp_filter", row.setting)
		c := open(t, nil)
		err := c.TakesIn(row.ifindex, row.src, our4)
		if (err == nil) != row.taken || err != nil && !errors.Is(err, ErrReversePath) {
			t.Errorf("%+v: %v", row, err)
		}
	}
	setSysctl(t, "net.ipv4.conf.all.rp_filter", "0")
	c := open(t, nil)
	must(c.TakesIn(other, stranger, our4))
	setSysctl(t, "net.ipv4.conf.all.rp_filter", "1")
	c.routes.reconsider()
	if err := c.TakesIn(other, stranger, our4); !errors.Is(err, ErrReversePath) {
		t.Errorf("a filter that is set since routes changed: %v", err)
	}
	upon := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "upon6"}}
	if err := netlink.LinkAdd(upon); err != nil {
		skip(t, "no bridges here: "+err.Error())
	}
	t.Cleanup(func() { netlink.LinkDel(upon) })
	port, err := netlink.LinkByIndex(other)
	must(err)
	must(netlink.LinkSetMaster(port, upon))
	if err := open(t, nil).TakesIn(other, stranger, our4); err != nil {
		t.Errorf("a port of a bridge, which has the packet first: %v", err)
	}
}
