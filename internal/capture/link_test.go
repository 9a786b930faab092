package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

func TestStrip(t *testing.T) {
	v4, v6 := syn4(t), syn6(t)
	mac := make([]byte, 12)
	be := func(words ...uint16) (b []byte) {
		for _, w := range words {
			b = binary.BigEndian.AppendUint16(b, w)
		}
		return b
	}
	sll := func(kind, protocol uint16) []byte { return be(kind, 1, 6, 0, 0, 0, 0, protocol) }
	sll2 := func(kind byte, protocol uint16) []byte {
		return append(be(protocol, 0, 0, 3, 1, uint16(kind)<<8|6), make([]byte, 8)...)
	}
	for _, c := range []struct {
		name   string
		link   LinkType
		header []byte
		d      Direction
		err    error
	}{
		{"Ethernet", LinkEthernet, join(mac, be(0x0800)), 0, nil},
		{"VLAN", LinkEthernet, join(mac, be(0x8100, 7, 0x0800)), 0, nil},
		{"QinQ", LinkEthernet, join(mac, be(0x88a8, 7, 0x8100, 8, 0x0800)), 0, nil},
		{"ARP", LinkEthernet, join(mac, be(0x0806)), 0, ErrNotIP},
		{"802.3 length", LinkEthernet, join(mac, be(0x0026)), 0, ErrNotIP},
		{"raw", LinkRaw, nil, 0, nil},
		{"raw BSD", LinkRawBSD, nil, 0, nil},
		{"IPv4", LinkIPv4, nil, 0, nil},
		{"IPv6", LinkIPv6, nil, 0, nil},
		{"null, little-endian", LinkNull, []byte{2, 0, 0, 0}, 0, nil},
		{"null, big-endian", LinkNull, []byte{0, 0, 0, 30}, 0, nil},
		{"loop", LinkLoop, []byte{0, 0, 0, 2}, 0, nil},
		{"SLL in", LinkSLL, sll(0, 0x0800), Inbound, nil},
		{"SLL out", LinkSLL, sll(4, 0x0800), Outbound, nil},
		{"SLL VLAN", LinkSLL, join(sll(0, 0x8100), be(7, 0x0800)), Inbound, nil},
		{"SLL ARP", LinkSLL, sll(0, 0x0806), Inbound, ErrNotIP},
		{"SLL2 in", LinkSLL2, sll2(0, 0x0800), Inbound, nil},
		{"SLL2 out", LinkSLL2, sll2(4, 0x86dd), Outbound, nil},
		{"SLL2 VLAN", LinkSLL2, join(sll2(0, 0x8100), be(7, 0x86dd)), Inbound, nil},
		{"SLL2 ARP", LinkSLL2, sll2(0, 0x0806), Inbound, ErrNotIP},
		{"unknown", 147, nil, 0, ErrLinkType},
	} {
		for _, ip := range [][]byte{v4, v6} {
			p := Packet{Link: c.link, Data: join(c.header, ip)}
			got, err := p.Strip()
			if !errors.Is(err, c.err) || err == nil && !bytes.Equal(got, ip) || p.Direction != c.d {
				t.Errorf("%s: % x, %v, direction %d", c.name, got, err, p.Direction)
			}
			if c.err != nil {
				continue
			}
			for n := range len(c.header) + 1 {
				p := Packet{Link: c.link, Data: p.Data[:n]}
				if got, err := p.Strip(); err == nil {
					t.Errorf("%s, %d bytes: % x", c.name, n, got)
				}
			}
		}
	}
}

// TestInterfaces keeps the interfaces of SLL2 apart, which duplicates are
// recognised by.
func TestInterfaces(t *testing.T) {
	seen := map[uint32]bool{}
	for _, index := range []byte{1, 2, 3} {
		p := Packet{Link: LinkSLL2, Data: append([]byte{8, 0, 0, 0, 0, 0, 0, index}, make([]byte, 12)...)}
		p.Data = append(p.Data, syn4(t)...)
		if _, err := p.Strip(); err != nil {
			t.Fatal(err)
		}
		seen[p.Interface] = true
	}
	if len(seen) != 3 {
		t.Errorf("interfaces %v", seen)
	}
}
