package netraw

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"golang.org/x/net/bpf"
)

// filterCase is one row of the truth table: a packet in one direction, and
// whether the filter for filterPorts passes it.
type filterCase struct {
	name      string
	etherType uint16
	outgoing  bool
	pkt       []byte
	pass      bool
	otherHost bool
}

// filterPorts is as many as there can be; the cases use the first, the last,
// those round the seams of the look-up, and one that is not among them. They
// are in no order, as the kernel gives them.
var filterPorts = func() []uint16 {
	ports := make([]uint16, MaxPorts)
	for i := range ports {
		ports[i] = uint16(40000 + 7*i)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(MaxPorts-2, func(i, j int) { ports[i+1], ports[j+1] = ports[j+1], ports[i+1] })
	return ports
}()

func filterCases() []filterCase {
	first, last, other := filterPorts[0], filterPorts[MaxPorts-1], uint16(40001)
	var cases []filterCase
	add := func(name string, etherType uint16, outgoing bool, pkt []byte, pass bool) {
		cases = append(cases, filterCase{name, etherType, outgoing, pkt, pass, false})
	}
	for _, v := range []struct {
		name      string
		etherType uint16
		far, near netip.Addr
	}{
		{"ipv4", etherIPv4, netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("203.0.113.5")},
		{"ipv6", etherIPv6, netip.MustParseAddr("2001:db8:9::9"), netip.MustParseAddr("2001:db8:5::5")},
	} {
		tcp := func(sport, dport uint16) []byte {
			return segment(netip.AddrPortFrom(v.far, sport), netip.AddrPortFrom(v.near, dport), flagSYN|flagACK, 1, 2)
		}
		add(v.name+" tcp to the first port", v.etherType, false, tcp(80, first), true)
		add(v.name+" tcp to the last port", v.etherType, false, tcp(80, last), true)
		add(v.name+" tcp to another port", v.etherType, false, tcp(80, other), false)
		add(v.name+" tcp from our port", v.etherType, false, tcp(first, 80), false)
		add(v.name+" tcp leaving from the first port", v.etherType, true, tcp(first, 80), true)
		add(v.name+" tcp leaving from the last port", v.etherType, true, tcp(last, 80), true)
		add(v.name+" tcp leaving from another port", v.etherType, true, tcp(other, 80), false)
		add(v.name+" tcp leaving for our port", v.etherType, true, tcp(80, first), false)
		add(v.name+" udp to our port", v.etherType, false, serialize(header(v.far, v.near, layers.IPProtocolUDP, 64),
			gopacket.Payload{0, 53, byte(first >> 8), byte(first), 0, 8, 0, 0}), false)
		add(v.name+" tcp without ports", v.etherType, false, serialize(header(v.far, v.near, layers.IPProtocolTCP, 64),
			gopacket.Payload{0, 80}), false)
		add(v.name+" under the ethertype of ARP", 0x0806, false, tcp(80, first), false)
		add(v.name+" leaving under the ethertype of ARP", 0x0806, true, tcp(first, 80), false)
	}
	cases = append(cases, seamCases()...)
	cases = append(cases, ipv4Cases(first, other)...)
	return append(cases, ipv6Cases(first, other)...)
}

// seamCases are segments to the ports on both sides of where the look-up
// branches, and to the numbers next to them, which nobody holds.
func seamCases() (cases []filterCase) {
	far, near := netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("203.0.113.5")
	held := sorted(filterPorts)
	for _, i := range []int{1, leafPorts - 1, leafPorts, MaxPorts/2 - 1, MaxPorts / 2, MaxPorts - leafPorts - 1, MaxPorts - leafPorts} {
		for off := -1; off <= 1; off++ {
			port := held[i] + uint16(off)
			pkt := segment(netip.AddrPortFrom(far, 443), netip.AddrPortFrom(near, port), flagSYN|flagACK, 1, 2)
			cases = append(cases, filterCase{fmt.Sprintf("tcp to port %d", port), etherIPv4, false, pkt, off == 0, false})
		}
	}
	return cases
}

func ipv4Cases(ours, other uint16) []filterCase {
	router, far, near := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("203.0.113.5")
	reply := func() []byte {
		return segment(netip.AddrPortFrom(far, 80), netip.AddrPortFrom(near, ours), flagSYN, 3, 4)
	}
	probe := func(port uint16) []byte {
		return segment(netip.AddrPortFrom(near, port), netip.AddrPortFrom(far, 80), flagSYN, 3, 4)
	}
	var cases []filterCase
	add := func(name string, pkt []byte, pass bool) {
		cases = append(cases, filterCase{"ipv4 " + name, etherIPv4, false, pkt, pass, false})
	}
	add("tcp after options", withOptions(reply(), 40), true)
	add("first fragment", patch16(reply(), 6, 0x2000), true)
	add("later fragment", patch16(reply(), 6, 0x2001), false)
	add("last fragment", patch16(reply(), 6, 0x0100), false)
	for kind := range 20 {
		icmp := func(quote []byte) []byte {
			msg := append([]byte{byte(kind), 1, 0, 0, 0, 0, 0, 0}, quote...)
			return serialize(header(router, near, layers.IPProtocolICMPv4, 60), gopacket.Payload(msg))
		}
		isError := slices.Contains([]int{3, 4, 5, 11, 12}, kind)
		add("icmp "+name(kind)+" quoting 8 bytes", icmp(probe(ours)[:28]), isError)
		add("icmp "+name(kind)+" quoting another port", icmp(probe(other)), false)
		add("icmp "+name(kind)+" quoting our port as destination", icmp(reply()), false)
	}
	unreachable := func(quote []byte) []byte {
		msg := append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, quote...)
		return serialize(header(router, near, layers.IPProtocolICMPv4, 60), gopacket.Payload(msg))
	}
	add("icmp quoting options", unreachable(withOptions(probe(ours), 12)), true)
	add("icmp with options quoting options", withOptions(unreachable(withOptions(probe(ours), 8)), 4), true)
	add("icmp quoting udp", unreachable(patch8(probe(ours), 9, 17)), false)
	add("icmp quoting an authentication header", unreachable(patch8(probe(ours), 9, protoAH)), true)
	add("authentication header", patch8(reply(), 9, protoAH), true)
	add("icmp quoting a later fragment", unreachable(patch16(probe(ours), 6, 3)), false)
	add("icmp quoting no port", unreachable(probe(ours)[:20]), false)
	add("icmp fragment", patch16(unreachable(probe(ours)), 6, 4), false)
	return cases
}

func ipv6Cases(ours, other uint16) []filterCase {
	router, far, near := netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2001:db8:9::9"), netip.MustParseAddr("2001:db8:5::5")
	probe := func(port uint16) []byte {
		return segment(netip.AddrPortFrom(near, port), netip.AddrPortFrom(far, 80), flagSYN, 3, 4)
	}
	var cases []filterCase
	add := func(name string, pkt []byte, pass bool) {
		cases = append(cases, filterCase{"ipv6 " + name, etherIPv6, false, pkt, pass, false})
	}
	icmp := func(kind int, quote []byte) []byte {
		msg := append([]byte{byte(kind), 1, 0, 0, 0, 0, 0, 0}, quote...)
		return serialize(header(router, near, layers.IPProtocolICMPv6, 60), gopacket.Payload(msg))
	}
	for kind := range 7 {
		add("icmp "+name(kind)+" quoting 8 bytes", icmp(kind, probe(ours)[:48]), kind >= 1 && kind <= 4)
		add("icmp "+name(kind)+" quoting another port", icmp(kind, probe(other)), false)
	}
	add("icmp echo reply", icmp(129, probe(ours)), false)
	add("icmp quoting udp", icmp(1, patch8(probe(ours), 6, 17)), false)
	add("icmp quoting no port", icmp(1, probe(ours)[:40]), false)
	for _, next := range chained {
		add("icmp quoting next header "+name(int(next)), icmp(1, patch8(probe(ours), 6, next)), true)
	}
	for place, pass := range map[uint16]bool{0: true, 1: true, 6: true, 8: false, 0xfff9: false} {
		for port, held := range map[uint16]bool{ours: true, other: false} {
			piece := append([]byte{protoTCP, 0, byte(place >> 8), byte(place), 0, 0, 0, 7}, probe(port)[40:]...)
			copy(piece[10:], piece[8:10]) // to the port
			pkt := serialize(header(far, near, layers.IPProtocolIPv6Fragment, 64), gopacket.Payload(piece))
			add(fmt.Sprintf("fragment %x to port %d", place, port), pkt, pass && held)
		}
	}
	for next := range 150 {
		piece := append([]byte{byte(next), 0, 0, 1, 0, 0, 0, 7}, probe(other)[40:]...)
		pkt := serialize(header(far, near, layers.IPProtocolIPv6Fragment, 64), gopacket.Payload(piece))
		add(fmt.Sprintf("first fragment of next header %d", next), pkt, slices.Contains(chained, byte(next)))
	}
	for kind := range 7 {
		piece := append([]byte{protoICMPv6, 0, 0, 1, 0, 0, 0, 7, byte(kind), 1, 0, 0, 0, 0, 0, 0}, probe(ours)...)
		pkt := serialize(header(router, near, layers.IPProtocolIPv6Fragment, 64), gopacket.Payload(piece))
		add("first fragment of icmp "+name(kind), pkt, kind >= 1 && kind <= 4)
	}
	for next := range 70 {
		pkt := serialize(header(far, near, layers.IPProtocol(next), 64), gopacket.Payload{6, 0, 1, 4, 0, 0, 0, 0})
		add("next header "+name(next), pkt, slices.Contains([]int{0, 43, 51, 60}, next))
	}
	for kind, pass := range map[byte]bool{1: true, 4: true, 130: false, 143: false} {
		behind := []byte{protoICMPv6, 0, 5, 2, 0, 0, 1, 0, kind, 0, 0, 0}
		pkt := serialize(header(far, near, layers.IPProtocolIPv6HopByHop, 1), gopacket.Payload(behind))
		add("icmp "+name(int(kind))+" behind hop-by-hop options", pkt, pass)
	}
	return cases
}

func name(n int) string {
	return layers.IPProtocol(n).String() + string(rune('0'+n/10)) + string(rune('0'+n%10))
}

func patch8(pkt []byte, at int, v byte) []byte {
	pkt[at] = v
	return pkt
}

func patch16(pkt []byte, at int, v uint16) []byte {
	binary.BigEndian.PutUint16(pkt[at:], v)
	return pkt
}

// withOptions inserts n bytes of IPv4 options (no operation) after the header.
func withOptions(pkt []byte, n int) []byte {
	pkt = slices.Insert(pkt, 20, slices.Repeat([]byte{1}, n)...)
	pkt[0] += byte(n / 4)
	return patch16(pkt, 2, uint16(len(pkt)))
}

// runFilter runs the program in bpf.VM, which knows neither extension: each
// becomes the constant that the kernel would load.
func runFilter(t testing.TB, program []bpf.Instruction, c filterCase) bool {
	t.Helper()
	program = slices.Clone(program)
	for i, ins := range program {
		switch ins {
		case bpf.LoadExtension{Num: bpf.ExtProto}:
			program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: uint32(c.etherType)}
		case bpf.LoadExtension{Num: bpf.ExtType}:
			program[i] = bpf.LoadConstant{Dst: bpf.RegA}
			switch {
			case c.outgoing:
				program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: packetOutgoing}
			case c.otherHost:
				program[i] = bpf.LoadConstant{Dst: bpf.RegA, Val: packetOtherHost}
			}
		}
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(c.pkt)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestReceiveFilterInVM(t *testing.T) {
	program := receiveFilter(filterPorts)
	for _, c := range filterCases() {
		if got := runFilter(t, program, c); got != c.pass {
			t.Errorf("%s (outgoing %v): passed %v, want %v", c.name, c.outgoing, got, c.pass)
		}
		if got := wanted(c, filterPorts); got != c.pass {
			t.Errorf("%s (outgoing %v): the oracle says %v, want %v", c.name, c.outgoing, got, c.pass)
		}
	}
}

// What arrives under another host's link address is not for us.
func TestReceiveFilterOfOthers(t *testing.T) {
	program := receiveFilter(filterPorts)
	for _, c := range filterCases() {
		if c.outgoing {
			continue
		}
		c.otherHost = true
		if runFilter(t, program, c) {
			t.Errorf("%s passed for another host", c.name)
		}
	}
}

// wanted is the filter again as plain code, the oracle of the fuzz target.
func wanted(c filterCase, ports []uint16) bool {
	b := c.pkt
	port := func(at int) bool {
		return len(b) >= at+2 && slices.Contains(ports, binary.BigEndian.Uint16(b[at:]))
	}
	switch {
	case c.etherType == etherIPv4 && len(b) >= 20:
		return wanted4(c, port)
	case c.etherType == etherIPv6 && len(b) >= 40:
		return wanted6(c, port)
	}
	return false
}

func wanted4(c filterCase, port func(int) bool) bool {
	b := c.pkt
	ihl := 4 * int(b[0]&15)
	if binary.BigEndian.Uint16(b[6:])&fragmentOffset != 0 {
		return false
	}
	switch {
	case b[9] == protoTCP && c.outgoing:
		return port(ihl)
	case b[9] == protoTCP:
		return port(ihl + 2)
	case b[9] == protoAH:
		return !c.outgoing
	case b[9] == protoICMP && !c.outgoing && len(b) >= ihl+8+10:
		quote := b[ihl+8:]
		return slices.Contains([]byte{3, 4, 5, 11, 12}, b[ihl]) && binary.BigEndian.Uint16(quote[6:])&fragmentOffset == 0 &&
			(quote[9] == protoAH || quote[9] == protoTCP && port(ihl+8+4*int(quote[0]&15)))
	}
	return false
}

func wanted6(c filterCase, port func(int) bool) bool {
	switch b := c.pkt; {
	case b[6] == protoTCP && c.outgoing:
		return port(40)
	case b[6] == protoTCP:
		return port(42)
	case c.outgoing:
		return false
	case b[6] == protoICMPv6 && len(b) >= 55 && b[54] == protoTCP:
		return b[40] >= 1 && b[40] <= 4 && port(88)
	case b[6] == protoICMPv6 && len(b) >= 55:
		return b[40] >= 1 && b[40] <= 4 && slices.Contains(chained, b[54])
	case b[6] == protoFragment && (len(b) < 44 || b[42] != 0 || b[43]&0xf8 != 0):
		return false
	case b[6] == protoFragment && b[40] == protoTCP:
		return port(50)
	case b[6] == protoFragment && b[40] == protoICMPv6:
		return len(b) >= 49 && b[48] >= 1 && b[48] <= 4
	case b[6] == protoFragment:
		return slices.Contains(chained, b[40])
	case b[6] == protoHopByHop && len(b) >= 42 && b[40] == protoICMPv6 && b[41] == 0:
		return len(b) >= 49 && b[48] >= 1 && b[48] <= 4
	case b[6] == protoHopByHop:
		return len(b) >= 42
	default:
		return slices.Contains(chained, b[6])
	}
}

// chained are the protocols that another header follows, in IPv6.
var chained = []byte{0, 43, 44, 51, 60, protoMobility, protoHIP, protoShim6}

func FuzzReceiveFilter(f *testing.F) {
	for _, c := range filterCases() {
		f.Add(c.pkt, c.etherType == etherIPv6, c.outgoing)
	}
	program := receiveFilter(filterPorts)
	f.Fuzz(func(t *testing.T, pkt []byte, six, outgoing bool) {
		c := filterCase{etherType: etherIPv4, outgoing: outgoing, pkt: pkt}
		if six {
			c.etherType = etherIPv6
		}
		if len(pkt) < 40 {
			return // shorter than any header: the program may decide before it notices
		}
		if got, want := runFilter(t, program, c), wanted(c, filterPorts); got != want {
			t.Errorf("outgoing %v, % x: passed %v, want %v", outgoing, pkt, got, want)
		}
	})
}

// The kernel takes at most 4096 instructions, and a conditional jump reaches
// 255: both ends of the port list are the test.
func TestReceiveFilterAssembles(t *testing.T) {
	for _, n := range []int{1, 2, leafPorts, leafPorts + 1, MaxPorts} {
		raw, err := bpf.Assemble(receiveFilter(filterPorts[:n]))
		if err != nil || len(raw) > 4096 {
			t.Errorf("%d ports: %d instructions, %v", n, len(raw), err)
		}
	}
}

// The look-up finds each port that is held and no other, of all 65,536 and for
// every shape of its tree: leaves full and not, ports side by side and apart.
func TestAmongPorts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{1, 2, leafPorts - 1, leafPorts, leafPorts + 1, 2*leafPorts + 1, 100, MaxPorts - 1, MaxPorts} {
		held := map[uint16]bool{0: true, 65535: n > 1}
		for start := uint16(rng.Uint32()); len(held) < n; start++ {
			held[start] = true
			if rng.IntN(3) == 0 {
				start = uint16(rng.Uint32())
			}
		}
		maps.DeleteFunc(held, func(_ uint16, is bool) bool { return !is })
		ports := slices.Sorted(maps.Keys(held))
		vm, err := bpf.NewVM(assemble(append([]line{{op: bpf.LoadAbsolute{Off: 0, Size: 2}}}, amongPorts("ports", ports)...)))
		if err != nil {
			t.Fatal(err)
		}
		for port := range 1 << 16 {
			kept, err := vm.Run([]byte{byte(port >> 8), byte(port)})
			if err != nil || kept > 0 != held[uint16(port)] {
				t.Fatalf("%d ports, port %d: kept %d bytes, %v; held %v", len(ports), port, kept, err, held[uint16(port)])
			}
		}
	}
}
