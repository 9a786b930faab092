package netraw

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
)

// published is an address of nobody: what is sent to it here goes to the peer.
var (
	published4 = netip.MustParseAddr("198.51.100.9")
	published6 = netip.MustParseAddr("2001:db8:51::9")
)

// publish has the kernel translate published addresses to the peer's, and routes
// them.
func publish(t *testing.T, p *peer) {
	link, err := netlink.LinkByName(p.here)
	must(err)
	for _, row := range []struct {
		from, to netip.Addr
		family   nftables.TableFamily
		offset   uint32
	}{{published4, peer4, nftables.TableFamilyIPv4, 16}, {published6, peer6, nftables.TableFamilyIPv6, 24}} {
		dst, err := netlink.ParseIPNet(netip.PrefixFrom(row.from, row.from.BitLen()).String())
		must(err)
		must(netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Gw: row.to.AsSlice()}))
		ruleset{row.family, nftables.ChainHookOutput, nftables.ChainTypeNAT, nftables.ChainPolicyAccept, [][]expr.Any{{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: row.offset, Len: uint32(len(row.from.AsSlice()))},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: row.from.AsSlice()},
			&expr.Immediate{Register: 1, Data: row.to.AsSlice()},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(row.family), RegAddrMin: 1},
		}}, nil, ""}.install(t)
	}
}

// An answer from a translated address comes once, as the kernel translated it back,
// and says where it came from; others come once, as they are.
func TestTranslated(t *testing.T) { intakes(t, testTranslated) }

func testTranslated(t *testing.T, cfg Config) {
	p := newPeer(t)
	if OutputTranslated() {
		t.Fatal("translated without a rule")
	}
	publish(t, p)
	if !OutputTranslated() {
		t.Fatal("rules that translate were not seen")
	}
	c := open(t, &cfg)
	for _, row := range []struct{ dst, wire netip.Addr }{
		{published4, peer4}, {published6, peer6}, {peer4, netip.Addr{}}, {peer6, netip.Addr{}},
	} {
		sendSYN(t, c, row.dst, 9)
		got := gather(t, c, 200*time.Millisecond, nil)
		if len(got) != 1 {
			t.Errorf("%v: %d packets", row.dst, len(got))
			continue
		}
		from, tcp := segmentOf(got[0].Data)
		if from != row.dst || tcp[13] != 0x14 || got[0].Translated != row.wire.IsValid() || got[0].Wire.Addr() != row.wire {
			t.Errorf("%v: from %v, %+v", row.dst, from, got[0])
		}
		if got[0].IfIndex != p.hereIndex || time.Since(got[0].Time).Abs() > time.Minute {
			t.Errorf("%v: %+v", row.dst, got[0])
		}
	}
	pkts := make([]Packet, 4)
	sendSYN(t, c, published4, 9)
	seen := 0
	for until := time.Now().Add(2 * time.Second); seen == 0 && time.Now().Before(until); {
		c.Await(time.Second, time.Millisecond)
		n, err := c.Poll(pkts)
		must(err)
		seen += n
	}
	if seen != 1 || !pkts[0].Translated {
		t.Errorf("Poll: %d packets, %+v", seen, pkts[0])
	}
}
