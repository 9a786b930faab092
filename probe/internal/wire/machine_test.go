package wire

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// localAddrs is a network that knows which addresses are this machine's own.
type localAddrs struct {
	probe.Network
	own map[netip.Addr]bool
}

func (n localAddrs) Route(dst netip.Addr) (netraw.Route, error) {
	return netraw.Route{Local: n.own[dst]}, nil
}

// What comes in through the loopback interface in the name of another machine is this
// machine's own, where it refuses.
func TestMachineRejects(t *testing.T) {
	addr := netip.MustParseAddr
	us, other, them := addr("192.0.2.1"), addr("192.0.2.2"), addr("198.51.100.7")
	m := NewMachine(localAddrs{own: map[netip.Addr]bool{us: true, other: true}})
	tcp := func(flags craft.Flags, src, dst netip.Addr) craft.Packet {
		return craft.Packet{Kind: craft.PacketTCP, Segment: craft.Segment{Flags: flags, Src: netip.AddrPortFrom(src, 80), Dst: netip.AddrPortFrom(dst, 40000)}}
	}
	icmp := func(code uint8, from, target netip.Addr) craft.Packet {
		quote := craft.Quote{Src: netip.AddrPortFrom(us, 40000), Dst: netip.AddrPortFrom(target, 80)}
		return craft.Packet{Kind: craft.PacketICMPError, ICMP: craft.ICMPError{Type: 3, Code: code, Src: from, Quote: quote}}
	}
	const eth0 = 2
	for _, tc := range []struct {
		name string
		in   netraw.Packet
		p    craft.Packet
		want bool
	}{
		{"RST in another's name", netraw.Packet{IfIndex: loopback}, tcp(craft.RST|craft.ACK, them, us), true},
		{"RST from the network", netraw.Packet{IfIndex: eth0}, tcp(craft.RST|craft.ACK, them, us), false},
		{"RST of our own port", netraw.Packet{IfIndex: loopback}, tcp(craft.RST|craft.ACK, us, us), false},
		{"RST of another address of ours", netraw.Packet{IfIndex: loopback}, tcp(craft.RST|craft.ACK, other, us), false},
		{"RST of a loopback address", netraw.Packet{IfIndex: loopback}, tcp(craft.RST|craft.ACK, addr("127.0.0.2"), addr("127.0.0.1")), false},
		{"RST that our NAT turned back", netraw.Packet{IfIndex: loopback, Translated: true}, tcp(craft.RST|craft.ACK, them, us), false},
		{"RST of our own, leaving", netraw.Packet{IfIndex: loopback, Outgoing: true}, tcp(craft.RST, them, us), false},
		{"SYN-ACK in another's name", netraw.Packet{IfIndex: loopback}, tcp(craft.SYN|craft.ACK, them, us), false},
		{"port unreachable, says our address", netraw.Packet{IfIndex: loopback}, icmp(3, us, them), true},
		{"prohibited, says our address", netraw.Packet{IfIndex: loopback}, icmp(13, us, them), true},
		{"prohibited, says a router", netraw.Packet{IfIndex: eth0}, icmp(13, addr("192.0.2.254"), them), false},
		{"prohibited, of a port of ours", netraw.Packet{IfIndex: loopback}, icmp(13, us, us), false},
		{"no neighbour, says the kernel", netraw.Packet{IfIndex: loopback}, icmp(1, us, them), false},
		{"too large, says the kernel", netraw.Packet{IfIndex: loopback}, icmp(4, us, them), false},
	} {
		if got := m.Rejected(&tc.in, &tc.p); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	for _, tc := range []struct {
		name     string
		in       netraw.Packet
		src, dst netip.Addr
		want     bool
	}{
		{"in another's name", netraw.Packet{IfIndex: loopback}, them, us, true},
		{"from the network", netraw.Packet{IfIndex: eth0}, them, us, false},
		{"of another address of ours", netraw.Packet{IfIndex: loopback}, other, us, false},
		{"of a loopback address", netraw.Packet{IfIndex: loopback}, addr("127.0.0.2"), addr("127.0.0.1"), false},
		{"leaving", netraw.Packet{IfIndex: loopback, Outgoing: true}, them, us, false},
	} {
		p := tcp(craft.SYN|craft.ACK, tc.src, tc.dst)
		if got := m.Accepted(&tc.in, &p.Segment); got != tc.want {
			t.Errorf("SYN-ACK %s: %v", tc.name, got)
		}
	}
}

// filtering is a network whose kernel discards what comes in by an interface from some
// addresses.
type filtering struct {
	localAddrs
	discards map[arrivalOf]bool
	asked    int
}

type arrivalOf struct {
	ifindex int
	src     string
}

var errDiscards = errors.New("discards")

func (f *filtering) TakesIn(ifindex int, src, _ netip.Addr) error {
	f.asked++
	if f.discards[arrivalOf{ifindex, src.String()}] {
		return errDiscards
	}
	return nil
}

// An answer that this machine's kernel discards is known by the interface that it came
// in by; a network whose answers are taken in is asked about once.
func TestMachineDiscards(t *testing.T) {
	n := &filtering{discards: map[arrivalOf]bool{{3, "198.51.100.7"}: true}}
	m := NewMachine(n)
	answer := func(ifindex int, src string) error {
		s := craft.Segment{Src: netip.AddrPortFrom(netip.MustParseAddr(src), 80), Dst: netip.MustParseAddrPort("192.0.2.1:40000")}
		return m.Discards(&netraw.Packet{IfIndex: ifindex}, &s)
	}
	for range 3 {
		if err := answer(3, "198.51.100.7"); !errors.Is(err, errDiscards) {
			t.Error(err)
		}
		if err := errors.Join(answer(2, "198.51.100.7"), answer(3, "203.0.113.9"), answer(2, "2001:db8::1"), answer(loopback, "198.51.100.7")); err != nil {
			t.Error(err)
		}
	}
	if n.asked != 3+2 {
		t.Errorf("asked %d times", n.asked)
	}
	bare := NewMachine(localAddrs{})
	if err := bare.Discards(&netraw.Packet{IfIndex: 3}, &craft.Segment{Src: netip.MustParseAddrPort("198.51.100.7:80")}); err != nil {
		t.Errorf("a network that cannot tell: %v", err)
	}
}

// What proves a port open and is discarded here has a finding that says so.
func TestDiscardedAnswerIsTold(t *testing.T) {
	syn := probe.Techniques()[0]
	v := Judge(syn, netip.MustParseAddrPort("198.51.100.7:80"), &Event{answer: answer{Kind: KindSYNACK}, Discarded: errDiscards})
	if v.State != probe.StateOpen || len(v.Findings) != 1 || v.Findings[0].Code != "discarded-here" || v.Findings[0].Evidence != "discards" {
		t.Errorf("%+v", v)
	}
}

// That an answer came from another address is told only where it did: a NAT of this machine may
// have changed our own.
func TestTranslatedHere(t *testing.T) {
	us, them, other := netip.MustParseAddrPort("10.0.0.1:50000"), netip.MustParseAddrPort("10.0.0.2:80"), netip.MustParseAddrPort("10.0.0.3:80")
	for _, tt := range []struct {
		wire           netip.AddrPort
		text, evidence string
	}{
		{them, "the address that the probe left from", ""},
		{other, "the addresses of the probe", "it came from 10.0.0.3:80"},
		{netip.AddrPort{}, "the addresses of the probe", ""},
	} {
		ev := Event{Translated: true, Wire: tt.wire}
		ev.Seg.Src, ev.Seg.Dst = them, us
		if f := translatedHere(&ev); !strings.Contains(f.Text, tt.text) || f.Evidence != tt.evidence {
			t.Errorf("%v: %s [%s]", tt.wire, f.Text, f.Evidence)
		}
	}
}
