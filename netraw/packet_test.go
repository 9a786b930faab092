package netraw

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

const (
	flagSYN = 1 << iota
	flagACK
	flagRST
)

// segment returns one IP packet with a TCP segment, checksums right.
func segment(src, dst netip.AddrPort, flags int, seq, ack uint32) []byte {
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(src.Port()), DstPort: layers.TCPPort(dst.Port()),
		Seq: seq, Ack: ack, Window: 64240,
		SYN: flags&flagSYN != 0, ACK: flags&flagACK != 0, RST: flags&flagRST != 0,
	}
	ip := header(src.Addr(), dst.Addr(), layers.IPProtocolTCP, 64)
	if err := tcp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer)); err != nil {
		panic(err)
	}
	return serialize(ip, tcp)
}

func header(src, dst netip.Addr, proto layers.IPProtocol, ttl uint8) gopacket.SerializableLayer {
	if src.Is4() {
		return &layers.IPv4{Version: 4, IHL: 5, TTL: ttl, Id: 1, Protocol: proto,
			SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	}
	return &layers.IPv6{Version: 6, HopLimit: ttl, NextHeader: proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
}

func serialize(l ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, l...); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// tcpHeader returns the TCP header of an IP packet without extension headers,
// or nil if it holds something else.
func tcpHeader(pkt []byte) []byte {
	switch {
	case len(pkt) >= 40 && pkt[0]>>4 == 4 && pkt[9] == protoTCP:
		return pkt[4*int(pkt[0]&0x0f):]
	case len(pkt) >= 60 && pkt[0]>>4 == 6 && pkt[6] == protoTCP:
		return pkt[40:]
	}
	return nil
}

// describe returns "src > dst flags" for test messages and comparisons.
func describe(pkt []byte) string {
	tcp := tcpHeader(pkt)
	if tcp == nil {
		return fmt.Sprintf("% x", pkt)
	}
	return fmt.Sprintf("%d > %d %s", binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:]), flagsOf(pkt))
}

// flagsOf returns "S", "S.", "R", "R." or "?".
func flagsOf(pkt []byte) string {
	if tcp := tcpHeader(pkt); tcp != nil {
		if s, ok := map[byte]string{0x02: "S", 0x12: "S.", 0x04: "R", 0x14: "R.", 0x10: "."}[tcp[13]&0x3f]; ok {
			return s
		}
	}
	return "?"
}
