package capture

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"synscope/probe/flow"
)

// TestNetworks: what tells two networks apart is in Network, and nothing else.
func TestNetworks(t *testing.T) {
	inner := func(from byte) []byte {
		b := make([]byte, 40)
		b[0], b[3], b[8], b[9], b[15], b[19], b[32] = 0x45, 40, 64, protocolTCP, from, 3-from, 0x50
		return b
	}
	frame := func(kind uint16, rest ...[]byte) []byte {
		return slices.Concat(make([]byte, 12), binary.BigEndian.AppendUint16(nil, kind), slices.Concat(rest...))
	}
	outer := func(protocol, from, to byte, rest ...[]byte) []byte {
		b := slices.Concat(rest...)
		h := make([]byte, 20)
		h[0], h[8], h[9], h[15], h[19] = 0x45, 64, protocol, from, to
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(b)))
		return frame(etherIPv4, h, b)
	}
	udp := func(from, to byte, port uint16, rest ...[]byte) []byte {
		b := slices.Concat(rest...)
		h := make([]byte, 8)
		binary.BigEndian.PutUint16(h, 50000)
		binary.BigEndian.PutUint16(h[2:], port)
		binary.BigEndian.PutUint16(h[4:], uint16(8+len(b)))
		return outer(protocolUDP, from, to, h, b)
	}
	for _, c := range []struct {
		name string
		make func(id, from byte) []byte // in network id, from one end of the tunnel or the other
	}{
		{"vlan 5", func(id, from byte) []byte { return frame(etherVLAN, []byte{0x20 * from, id, 8, 0}, inner(from)) }},
		{"vlan 9, vlan 5", func(id, from byte) []byte {
			return frame(etherQinQ, []byte{0, 9, 0x81, 0, 0, id, 8, 0}, inner(from))
		}},
		{"mpls 5", func(id, from byte) []byte { return frame(etherMPLS, []byte{0, 0, id<<4 | 1, 9}, inner(from)) }},
		{"pppoe 5", func(id, from byte) []byte {
			return frame(etherPPPoE, []byte{0x11, 0, 0, id, 0, 42, 0, 0x21}, inner(from))
		}},
		{"vxlan 5", func(id, from byte) []byte {
			return udp(from, 9-from, portVXLAN, []byte{8, 0, 0, 0, 0, 0, id, 0}, frame(etherIPv4, inner(from)))
		}},
		{"vxlan 5", func(id, from byte) []byte {
			return udp(from, 9-from, portVXLANGPE, []byte{0xc, 0, 0, 1, 0, 0, id, 0}, inner(from))
		}},
		{"geneve 5", func(id, from byte) []byte {
			return udp(from, 9-from, portGeneve, []byte{0, 0, 8, 0, 0, 0, id, 0}, inner(from))
		}},
		{"gtp 5", func(id, from byte) []byte {
			return udp(from, 9-from, portGTPU, []byte{0x30, 255, 0, 40, 0, 0, 0, id}, inner(from))
		}},
		{"gre key 5", func(id, from byte) []byte {
			return outer(protocolGRE, from, 9-from, []byte{0x20, 0, 8, 0, 0, 0, 0, id}, inner(from))
		}},
		{"gre", func(id, from byte) []byte {
			return outer(protocolGRE, ends(id, from), ends(id, 3-from), []byte{0, 0, 8, 0}, inner(from))
		}},
		{"ipip", func(id, from byte) []byte { return outer(protocolIPv4, ends(id, from), ends(id, 3-from), inner(from)) }},
		{"l2tp", func(id, from byte) []byte {
			return udp(ends(id, from), ends(id, 3-from), portL2TP, []byte{0, 2, 0, from, 0, 9, 0xff, 3, 0, 0x21}, inner(from))
		}},
		{"etherip", func(id, from byte) []byte {
			return outer(protocolEtherIP, ends(id, from), ends(id, 3-from), []byte{0x30, 0}, frame(etherIPv4, inner(from)))
		}},
	} {
		networkOf := func(id, from byte) Network {
			p := Packet{Link: LinkEthernet, Data: c.make(id, from)}
			if ip, err := p.Strip(); err != nil || ip[15] != from {
				t.Fatalf("%s: %v", c.name, err)
			}
			return p.Network
		}
		there, back, other := networkOf(5, 1), networkOf(5, 2), networkOf(6, 1)
		if there != back || there.ID == other.ID || there.ID == 0 || there.String() != c.name {
			t.Errorf("%s: %v %d there, %v %d back, and %v %d", c.name, &there, there.ID, &back, back.ID, &other, other.ID)
		}
	}
	plain := Packet{Link: LinkEthernet, Data: frame(etherIPv4, inner(1)), Network: Network{ID: 7}}
	tagged := Packet{Link: LinkEthernet, Data: frame(etherVLAN, []byte{0xe0, 0, 8, 0}, inner(1))}
	for _, p := range []*Packet{&plain, &tagged} {
		if _, err := p.Strip(); err != nil || p.Network != (Network{}) {
			t.Errorf("%v of a frame without a tag, or with one that says its priority: %v", p.Network, err)
		}
	}
}

// ends are the ends of tunnel id.
func ends(id, from byte) byte { return id*10 + from }

// named keeps the networks of attempts.
type named struct{ networks []string }

func (n *named) Attempt(a *flow.Attempt) error {
	n.networks = append(n.networks, a.Network)
	return nil
}

func (*named) Segment(*flow.Segment) error { return nil }

// TestNetworkIsTold: SYNs between the same ports in two networks and outside of
// any are three attempts, each with the name of its network.
func TestNetworkIsTold(t *testing.T) {
	syn := func(seq byte) []byte {
		return append([]byte{0x45, 0, 0, 40, 0, seq, 0x40, 0, 64, protocolTCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2},
			0x9c, 0x40, 0, 80, seq, 1, 2, 3, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0)
	}
	header := make([]byte, 12)
	n := &named{}
	table := flow.NewTable(n, flow.Config{})
	for i, frame := range [][]byte{
		slices.Concat(header, []byte{8, 0}, syn(1)),
		slices.Concat(header, []byte{0x81, 0, 0, 5, 8, 0}, syn(2)),
		slices.Concat(header, []byte{0x81, 0, 0, 6, 8, 0}, syn(3)),
	} {
		p := Packet{Link: LinkEthernet, Data: frame, Length: len(frame), Number: uint64(i + 1), Time: time.Unix(1, int64(i))}
		f := following{table: table, tally: Tally{Skipped: map[string]uint64{}}}
		if err := f.add(&head{packet: p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); err != nil || !slices.Equal(n.networks, []string{"", "vlan 5", "vlan 6"}) {
		t.Errorf("%v, %q", err, n.networks)
	}
}
