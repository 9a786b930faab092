package netraw

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"synscope/craft"
	"synscope/internal/lab"
)

// Frames for one address in two zones leave through the interface of each.
func TestBlastInTwoZones(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	index := secondLink(t, "other5", "203.0.113.1/32", 1500)
	other, err := netlink.LinkByName("other5")
	must(err)
	addr, err := netlink.ParseAddr("fe80::1/64")
	must(err)
	must(netlink.AddrAdd(other, addr))
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT,
		IP: p.thereLL.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
	eventually(t, "the address to be usable", func() bool { return usable(&netlink.Handle{}, "other5", p.hereLL) })

	c := openPacket(t, Config{})
	const each = 200
	var probes []craft.Fields
	for i := range 2 * each {
		zone := p.here
		if i%2 == 1 {
			zone = "other5"
		}
		probes = append(probes, craft.Fields{
			Src: netip.AddrPortFrom(p.hereLL, c.Ports()[0]),
			Dst: netip.AddrPortFrom(p.thereLL.WithZone(zone), uint16(1000+i)),
		})
	}
	before := map[string]uint64{p.here: transmitted(p.here), "other5": transmitted("other5")}
	if n, err := blast(t, c, probes); n != len(probes) || err != nil {
		t.Fatal(n, err)
	}
	for ifname, was := range before {
		if n := transmitted(ifname) - was; n < each || n > each+20 {
			t.Errorf("%d packets left through %s, want %d", n, ifname, each)
		}
	}
}

// transmitted is the interface's own count; some of it is the kernel's.
func transmitted(ifname string) uint64 {
	link, err := netlink.LinkByName(ifname)
	must(err)
	return link.Attrs().Statistics.TxPackets
}
