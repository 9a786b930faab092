package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
		{"SNAP", LinkEthernet, join(mac, be(100, 0xaaaa, 0x0300, 0, 0x0800)), 0, nil},
		{"QinQ and PPPoE", LinkEthernet, join(mac, be(0x88a8, 7, 0x8864, 0x1100, 1, 90, 0x0021)), 0, nil},
		{"PPPoE, protocol of one byte", LinkPPPoE, join(be(0x1100, 1, 90), []byte{0x57}), 0, nil},
		{"PPPoE discovery", LinkEthernet, join(mac, be(0x8863, 0x1109, 0, 4, 0, 0)), 0, ErrNotIP},
		{"MPLS, two labels", LinkEthernet, join(mac, be(0x8847, 1, 0x0040, 2, 0x0140)), 0, nil},
		{"MPLS, pseudowire", LinkEthernet, join(mac, be(0x8847, 2, 0x0140, 0, 0), mac, be(0x0800)), 0, nil},
		{"VLAN and MPLS", LinkEthernet, join(mac, be(0x8100, 7, 0x8847, 2, 0x0140)), 0, nil},
		{"provider backbone", LinkEthernet, join(mac, be(0x88e7, 0, 1), mac, be(0x8100, 2, 0x86dd)), 0, nil},
		{"PPP", LinkPPP, be(0xff03, 0x0021), 0, nil},
		{"PPP, bare", LinkPPP, []byte{0x21}, 0, nil},
		{"PPP LCP", LinkPPP, be(0xff03, 0xc021), 0, ErrNotIP},
		{"PPP in HDLC", LinkPPPHDLC, be(0xff03, 0x0057), 0, nil},
		{"Cisco HDLC", LinkCHDLC, be(0x0f00, 0x0800), 0, nil},
		{"FDDI", LinkFDDI, join(make([]byte, 13), be(0xaaaa, 0x0300, 0, 0x0800)), 0, nil},
		{"IPoIB", LinkIPoIB, join(make([]byte, 20), be(0x86dd, 0)), 0, nil},
		{"ATM", LinkATM, be(0xaaaa, 0x0300, 0, 0x0800), 0, nil},
		{"ATM, bridged", LinkATM, join(be(0xaaaa, 0x0300, 0x80c2, 7, 0), mac, be(0x0800)), 0, nil},
		{"802.11", LinkWiFi, join([]byte{0x08, 0x01}, make([]byte, 22), be(0xaaaa, 0x0300, 0, 0x0800)), 0, nil},
		{"802.11 QoS, four addresses", LinkWiFi, join([]byte{0x88, 0x03}, make([]byte, 30), be(0xaaaa, 0x0300, 0, 0x0800)), 0, nil},
		{"802.11 encrypted", LinkWiFi, join([]byte{0x08, 0x41}, make([]byte, 30)), 0, ErrNotIP},
		{"802.11 beacon", LinkWiFi, join([]byte{0x80, 0}, make([]byte, 30)), 0, ErrNotIP},
		{"radiotap", LinkRadiotap, join([]byte{0, 0, 9, 0, 0, 0, 0, 0, 0, 0x08, 0x02}, make([]byte, 22), be(0xaaaa, 0x0300, 0, 0x0800)), 0, nil},
		{"NFLOG", LinkNFLog, join([]byte{2, 0, 0, 1}, []byte{8, 0, 1, 0, 8, 0, 0, 0, 5, 0, 10, 0, 0, 0, 0, 0, 0xff, 0, 9, 0}), 0, nil},
		{"NFLOG, big-endian", LinkNFLog, join([]byte{2, 0, 0, 1}, be(8, 1, 0x0800, 0, 200, 9)), 0, nil},
		{"PKTAP", LinkPKTAP, join([]byte{108, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 24), []byte{2, 0, 0, 0}, make([]byte, 68), mac, be(0x0800)), Outbound, nil},
		{"PPI", LinkPPI, join([]byte{0, 0, 8, 0, 101, 0, 0, 0}), 0, nil},
		{"pflog", LinkPFLog, join([]byte{61, 2, 0, 0}, make([]byte, 60)), 0, nil},
		{"enc", LinkEnc, make([]byte, 12), 0, nil},
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

// TestTunnels finds the innermost packet behind each kind of tunnel, over
// either IP version, and two within each other.
func TestTunnels(t *testing.T) {
	mac := make([]byte, 12)
	be := func(words ...uint16) (b []byte) {
		for _, w := range words {
			b = binary.BigEndian.AppendUint16(b, w)
		}
		return b
	}
	udp := func(port uint16) []byte { return be(50000, port, 0, 0) }
	outer4 := func(protocol byte) []byte {
		return join([]byte{0x46, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, []byte{1, 1, 1, 1})
	}
	outer6 := func(protocol byte) []byte {
		return join([]byte{0x60, 0, 0, 0, 0, 0, 60, 64}, make([]byte, 32), []byte{protocol, 0, 1, 4, 0, 0, 0, 0})
	}
	var frames [][]byte
	for _, c := range []struct {
		name     string
		protocol byte
		header   []byte
		only     int // the inner IP version, 0 either
	}{
		{"IPIP", 4, nil, 4}, {"6in4", 41, nil, 6},
		{"GRE", 47, be(0, 0x0800), 0},
		{"GRE with checksum, key and number", 47, be(0xb000, 0x86dd, 0, 0, 1, 2, 3, 4), 6},
		{"GRE, Ethernet", 47, join(be(0x2000, 0x6558, 0, 7), mac, be(0x8100, 3, 0x0800)), 0},
		{"PPTP", 47, join(be(0x3081, 0x880b, 60, 1, 0, 1, 0, 2), []byte{0xff, 3, 0x21}), 0},
		{"WCCP", 47, be(0, 0x883e, 0x0001, 2), 4},
		{"ERSPAN I", 47, join(be(0, 0x88be), mac, be(0x0800)), 0},
		{"ERSPAN II", 47, join(be(0x1000, 0x88be, 0, 9), be(0x1001, 0x0801, 0, 0), mac, be(0x0800)), 0},
		{"ERSPAN III", 47, join(be(0x1000, 0x22eb, 0, 9), be(0x2001, 1, 0, 0, 0, 1), make([]byte, 8), mac, be(0x86dd)), 6},
		{"VXLAN", 17, join(udp(4789), be(0x0800, 0, 0, 0x0700), mac, be(0x0800)), 0},
		{"VXLAN on Linux's port", 17, join(udp(8472), be(0x0800, 0, 0, 0x0700), mac, be(0x8100, 1, 0x0800)), 0},
		{"VXLAN-GPE", 17, join(udp(4790), be(0x0c00, 0x0001, 0, 0x0700)), 4},
		{"VXLAN-GPE, IPv6", 17, join(udp(4790), be(0x0c00, 0x0002, 0, 0x0700)), 6},
		{"VXLAN-GPE, Ethernet", 17, join(udp(4790), be(0x0c00, 0x0003, 0, 0x0700), mac, be(0x0800)), 0},
		{"Geneve", 17, join(udp(6081), be(0x0200, 0x6558, 0, 0x0700, 0, 0, 0, 0), mac, be(0x0800)), 0},
		{"Geneve, IP", 17, join(udp(6081), be(0, 0x0800, 0, 0x0700)), 0},
		{"GTP-U", 17, join(udp(2152), be(0x30ff, 80, 0, 1)), 0},
		{"GTP-U with extension", 17, join(udp(2152), be(0x34ff, 80, 0, 1, 7, 0x0085), []byte{1, 0, 9, 0}), 0},
		{"MPLS over UDP", 17, join(udp(6635), be(2, 0x0140)), 0},
		{"L2TP", 17, join(udp(1701), be(2, 5, 6), []byte{0xff, 3, 0x21}), 4},
		{"L2TP with length, numbers and offset", 17, join(udp(1701), be(0x4a02, 78, 5, 6, 0, 1, 2, 0), be(0x57)), 6},
		{"VXLAN-GPE, NSH", 17, join(udp(4790), be(0x0c00, 0x0004, 0, 0x0700), be(0x0fc2, 0x0203, 0, 0x05ff), mac, be(0x0800)), 0},
		{"VXLAN-GPE, NSH with metadata, IPv6", 17, join(udp(4790), be(0x0c00, 0x0004, 0, 0x0700), be(0x0fc6, 0x0102, 0, 0x05ff, 0, 1, 2, 3, 4, 5, 6, 7)), 6},
		{"EtherIP", 97, join(be(0x3000), mac, be(0x0800)), 0},
	} {
		for _, inner := range [][]byte{syn4(t), syn6(t)} {
			if c.only != 0 && int(inner[0]>>4) != c.only {
				continue
			}
			for _, outer := range [][]byte{outer4(c.protocol), outer6(c.protocol), join(outer4(4), outer4(c.protocol))} {
				p := Packet{Link: LinkRaw, Data: join(outer, c.header, inner)}
				frames = append(frames, measured(p.Data, len(outer), c.protocol, len(c.header)+len(inner)))
				if got, err := p.Strip(); err != nil || !bytes.Equal(got, inner) {
					t.Errorf("%s: %v, % x", c.name, err, got)
				}
				for n := range len(outer) + len(c.header) { // cut anywhere: no panic
					p := Packet{Link: LinkRaw, Data: p.Data[:n]}
					p.Strip()
				}
			}
		}
	}
	agreesWithTshark(t, frames)
	plain := Packet{Link: LinkRaw, Data: join(outer4(17), udp(53), syn4(t))}
	if got, err := plain.Strip(); err != nil || len(got) != len(plain.Data) {
		t.Errorf("a datagram to port 53: %v, % x", err, got)
	}
}

// measured fills in the lengths of one or two outer IP headers and of UDP.
func measured(b []byte, outer int, protocol byte, rest int) []byte {
	b = bytes.Clone(b)
	for at := 0; at < outer; {
		if b[at]>>4 == 6 {
			binary.BigEndian.PutUint16(b[at+4:], uint16(len(b)-at-40))
			break
		}
		binary.BigEndian.PutUint16(b[at+2:], uint16(len(b)-at))
		at += 24
	}
	if protocol == protocolUDP {
		binary.BigEndian.PutUint16(b[outer+4:], uint16(rest))
	}
	if protocol == protocolUDP && b[outer+8] == 0x30 { // GTP-U: the packet behind the header of 8 bytes
		binary.BigEndian.PutUint16(b[outer+8+2:], uint16(rest-16))
	}
	return b
}

// agreesWithTshark asks tshark in how many frames it finds a TCP segment.
func agreesWithTshark(t *testing.T, frames [][]byte) {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("tshark is not installed: nobody else was asked")
		return
	}
	path := filepath.Join(t.TempDir(), "tunnels.pcap")
	if err := os.WriteFile(path, classicFile(byteOrders[0], magicMicro, LinkRaw, frames...), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tshark, "-n", "-r", path, "-d", "udp.port==8472,vxlan", "-Y", "tcp.flags.syn==1", "-T", "fields", "-e", "frame.number").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, number := range strings.Fields(string(out)) {
		seen[number] = true
	}
	for i := range frames {
		if !seen[strconv.Itoa(i+1)] {
			t.Errorf("frame %d: tshark sees no SYN in % x", i+1, frames[i])
		}
	}
}

// TestUnreadIsNamed: what is not read is told of by its type.
func TestUnreadIsNamed(t *testing.T) {
	for kind, want := range map[uint16]string{0x0806: "arp", 0x88cc: "lldp", 0x1234: "ethertype-0x1234", 0x0026: "llc-0x42"} {
		p := Packet{Link: LinkEthernet, Data: join(make([]byte, 12), []byte{byte(kind >> 8), byte(kind), 0x42, 0x42, 3, 0, 0, 0})}
		var what unread
		if _, err := p.Strip(); !errors.As(err, &what) || string(what) != want || !errors.Is(err, ErrNotIP) {
			t.Errorf("%#x: %v, want %s", kind, err, want)
		}
	}
}

// A link type has a name where its frames are taken apart, and only there.
func TestLinkTypesAreTheNamedOnes(t *testing.T) {
	for n := range 1 << 12 {
		p := Packet{Link: LinkType(n)}
		if _, err := p.Strip(); errors.Is(err, ErrLinkType) == p.Link.known() {
			t.Errorf("link type %d is named %q: %v", n, links[p.Link], err)
		}
	}
}
