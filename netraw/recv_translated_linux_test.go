package netraw

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
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
func TestTranslated(t *testing.T) {
	if lab.Apart(t) {
		intakes(t, testTranslated)
	}
}

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
	checkTranslated(t, p, c)
	pkts := make([]Packet, 4)
	sendSYN(t, c, published4, 9)
	seen := 0
	for until := time.Now().Add(time.Minute); seen == 0 && time.Now().Before(until); {
		c.Await(time.Second, time.Millisecond)
		n, err := c.Poll(pkts)
		must(err)
		seen += n
	}
	if seen != 1 || !pkts[0].Translated {
		t.Errorf("Poll: %d packets, %+v", seen, pkts[0])
	}
}

func checkTranslated(t *testing.T, p *peer, c *Conn) {
	t.Helper()
	for _, row := range []struct{ dst, wire netip.Addr }{
		{published4, peer4}, {published6, peer6}, {peer4, netip.Addr{}}, {peer6, netip.Addr{}},
	} {
		sendSYN(t, c, row.dst, 9)
		got := gatherAll(t, c, 200*time.Millisecond, anyPacket)
		if len(got) != 1 {
			t.Errorf("%v: %d packets", row.dst, len(got))
			continue
		}
		from, tcp := sourceOf(got[0].Data).Addr(), segmentOf(got[0].Data)
		if from != row.dst || tcp[13] != 0x14 || got[0].Translated != row.wire.IsValid() || got[0].Wire.Addr() != row.wire {
			t.Errorf("%v: from %v, %+v", row.dst, from, got[0])
		}
		if got[0].IfIndex != p.hereIndex || time.Since(got[0].Time).Abs() > time.Minute {
			t.Errorf("%v: %+v", row.dst, got[0])
		}
	}
}

// What a raw socket shows before the tap is read again is an ordinary packet, and a
// translated one is known by what the tap shows later.
func TestTranslatedReadFirst(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	intakes(t, func(t *testing.T, cfg Config) {
		p := newPeer(t)
		publish(t, p)
		c := open(t, &cfg)
		in := c.in.(*translated)
		in.tap = &lateTap{tap: in.tap}
		for range 5 {
			checkTranslated(t, p, c)
		}
	})
}

// A translated packet comes once, however little room there is for the tap's copy of it.
func TestTranslatedIntoOne(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	intakes(t, func(t *testing.T, cfg Config) {
		p := newPeer(t)
		publish(t, p)
		c := open(t, &cfg)
		in := c.in.(*translated)
		sendSYN(t, c, published4, 9)
		for until := time.Now().Add(time.Minute); !readable(in.sockets[0].raw) && time.Now().Before(until); {
			time.Sleep(time.Millisecond)
		}
		var seen []bool
		for range 5 {
			var one [1]Packet
			n, err := c.Poll(one[:])
			must(err)
			if n > 0 {
				seen = append(seen, one[0].Translated)
			}
		}
		if len(seen) != 1 || !seen[0] {
			t.Errorf("it came as if translated: %v, want once", seen)
		}
	})
}

// lateTap shows nothing every other time.
type lateTap struct {
	tap
	polls int
}

func (l *lateTap) poll(pkts []Packet) (int, error) {
	if l.polls++; l.polls%2 == 1 {
		return 0, nil
	}
	return l.tap.poll(pkts)
}

// A packet is one whether the kernel has put it together of fragments, and taken off
// its extension headers, or not; another checksum is another packet.
func TestIdentity(t *testing.T) {
	seed := maphash.MakeSeed()
	same := func(a, b []byte) bool { return identity(seed, a) == identity(seed, b) }
	for _, src := range []netip.Addr{peer4, peer6} {
		dst := map[bool]netip.Addr{true: our4, false: our6}[src.Is4()]
		whole := segmentBytes(t, craft.Segment{
			Src: netip.AddrPortFrom(src, 80), Dst: netip.AddrPortFrom(dst, 4000), Flags: synAck, Payload: make([]byte, 200),
		})
		first := fragment(40)
		if src.Is6() {
			first = extension(unix.IPPROTO_FRAGMENT, 0, 0, 1, 0, 0, 0)
		}
		if !same(whole, first(bytes.Clone(whole))) {
			t.Errorf("%v: a first fragment is another packet", src)
		}
		if src.Is6() && !same(whole, extension(unix.IPPROTO_DSTOPTS, 1, 4, 0, 0, 0, 0)(bytes.Clone(whole))) {
			t.Errorf("%v: another with an extension header", src)
		}
		if !same(whole, append(bytes.Clone(whole), 0, 0, 0)) {
			t.Errorf("%v: another where it is padded", src)
		}
		for _, at := range []int{15, transport(whole) + 3, transport(whole) + 7, transport(whole) + 17} {
			other := bytes.Clone(whole)
			other[at]++
			if same(whole, other) {
				t.Errorf("%v: byte %d does not count", src, at)
			}
		}
	}
}
