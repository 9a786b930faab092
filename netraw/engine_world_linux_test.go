package netraw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	bpflink "github.com/cilium/ebpf/link"
	"github.com/dchest/siphash"
	"github.com/vishvananda/netlink"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/internal/lab/responderbpf"
)

var (
	world4 = netip.MustParsePrefix("11.0.0.0/8")
	world6 = netip.MustParsePrefix("2001:db8:a::/48")
	far4   = netip.MustParseAddr("11.1.2.3")
	far6   = netip.MustParseAddr("2001:db8:a::7")
)

// internet makes the peer answer for a world, and routes the world to it.
func internet(t testing.TB, p *peer, w lab.World) {
	t.Helper()
	spec, err := responderbpf.LoadResponder()
	must(err)
	must(spec.Variables[responderbpf.ResponderVarWorld].Set(responderbpf.ResponderWorld{
		Seed: w.Seed, Open: uint64(w.Open * (1 << 32)), Answered: uint64((w.Open + w.Refused) * (1 << 32)),
	}))
	var objects responderbpf.ResponderObjects
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		skip(t, fmt.Sprintf("no BPF here: %v", err))
	}
	far, err := p.thereHandler.LinkByName(p.there)
	must(err)
	var hook bpflink.Link
	p.do(func() {
		hook, err = bpflink.AttachXDP(bpflink.XDPOptions{
			Program: objects.Internet, Interface: far.Attrs().Index, Flags: bpflink.XDPDriverMode,
		})
		must(err)
	})
	t.Cleanup(func() { hook.Close(); objects.Close() })
	route(world4, peer4)
	route(world6, peer6)
	t.Cleanup(func() { unroute(world4); unroute(world6) })
}

func route(to netip.Prefix, via netip.Addr) {
	must(netlink.RouteReplace(&netlink.Route{Dst: ipNet(to.String()), Gw: via.AsSlice()}))
}

func unroute(to netip.Prefix) {
	netlink.RouteDel(&netlink.Route{Dst: ipNet(to.String())}) // gone with the interface
}

// synTemplates are SYNs as Linux sends them.
func synTemplates(t testing.TB) Templates {
	t.Helper()
	build := func(src, dst netip.Addr) *craft.Template {
		p, err := craft.ProfileByName("linux")
		must(err)
		template, err := craft.NewTemplate(p.SYN(netip.AddrPortFrom(src, 1), netip.AddrPortFrom(dst, 1), 0, 0, 1))
		must(err)
		return template
	}
	return Templates{V4: build(our4, far4), V6: build(our6, far6)}
}

var testKey = [16]byte{0: 1, 5: 77, 15: 255}

// cookieOf is the naive form of what probe does, and the program.
func cookieOf(key [16]byte, src, dst netip.AddrPort, attempt uint8) (seq, ack craft.Seq) {
	b := append(src.Addr().AsSlice(), dst.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	h := siphash.Hash(binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:]), append(b, attempt))
	return craft.Seq(h), craft.Seq(h >> 32)
}

// probesOf makes n probes, every third of IPv6, all of different targets.
func probesOf(n int, sport uint16) []craft.Fields {
	probes := make([]craft.Fields, n)
	a4, a6 := world4.Addr(), world6.Addr()
	for i := range probes {
		a4, a6 = a4.Next(), a6.Next()
		f := &probes[i]
		f.Src, f.Dst = netip.AddrPortFrom(our4, sport), netip.AddrPortFrom(a4, uint16(i))
		if i%3 == 0 {
			f.Src, f.Dst = netip.AddrPortFrom(our6, sport), netip.AddrPortFrom(a6, uint16(i))
		}
		f.Seq, f.Ack = cookieOf(testKey, f.Src, f.Dst, 0)
		f.Ack, f.ID, f.TSval = 0, uint16(i), uint32(i)
	}
	return probes
}

// blast sends all of the probes, as the engines' callers do: what cannot leave
// for now is tried again. The error is of the first that cannot leave at all.
func blast(t *testing.T, c wideEngine, probes []craft.Fields) (sent int, err error) {
	t.Helper()
	eventually(t, "the probes to leave", func() bool {
		var n int
		n, err = c.Blast(probes[sent:])
		sent += n
		return !errors.Is(err, ErrSendDelayed)
	})
	return sent, err
}

// wideEngine is what both fast engines offer.
type wideEngine interface {
	Blast([]craft.Fields) (int, error)
	Send([][]byte) (int, error)
	Recv([]Packet) (int, error)
	SetReadDeadline(time.Time) error
	Route(netip.Addr) (Route, error)
	Ports() []uint16
	Stats() Stats
	AnswersResets() bool
	Silencer() string
	Close() error
}

var (
	_ wideEngine = (*PacketConn)(nil)
	_ wideEngine = (*XDPConn)(nil)
)

// openXDP opens an engine on the peer's network.
func openXDP(t testing.TB, p *peer, cfg Config) *XDPConn {
	t.Helper()
	cfg.Interface = p.here
	c, err := OpenXDP(&cfg, synTemplates(t), XDPCookie{Key: testKey, Attempts: 2, Flags: craft.SYN})
	if errors.Is(err, ErrXDPPermission) || errors.Is(err, ErrXDPKernel) {
		skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func openPacket(t testing.TB, cfg Config) *PacketConn {
	t.Helper()
	c, err := OpenPacket(&cfg, synTemplates(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// collect reads answers until none comes for a while.
func collect(t testing.TB, c wideEngine) map[netip.AddrPort]craft.Flags {
	t.Helper()
	answers := make(map[netip.AddrPort]craft.Flags)
	pkts := make([]Packet, 64)
	var p craft.Packet
	for {
		must(c.SetReadDeadline(time.Now().Add(500 * time.Millisecond)))
		n, err := c.Recv(pkts)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return answers
		}
		must(err)
		for _, pkt := range pkts[:n] {
			check := craft.VerifyChecksums
			if pkt.Partial {
				check = craft.TrustChecksums
			}
			must(p.Decode(pkt.Data, check))
			if _, twice := answers[p.Segment.Src]; twice {
				t.Errorf("%v answered twice", p.Segment.Src)
			}
			answers[p.Segment.Src] = p.Segment.Flags
			if age := time.Since(pkt.Time); age < 0 || age > time.Minute {
				t.Errorf("stamped %v ago", age)
			}
		}
	}
}
