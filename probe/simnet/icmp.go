package simnet

import (
	"cmp"
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"synscope/craft"
)

// ICMP is an ICMP or ICMPv6 error, the family being that of the quoted
// segment.
type ICMP struct {
	From       netip.Addr // the responder; the zero Addr is the host itself
	TTL        uint8      // as it arrives; 0 is 64
	Type, Code uint8
	MTU        uint32 // of v4 3/4 and v6 2/0
	// QuoteTCP is how many bytes of TCP are quoted. 0 quotes the whole
	// segment; RFC 792 promises 8.
	QuoteTCP int
	// SeqOff is added to the quoted sequence number: a forger has to guess.
	SeqOff uint32
	// Rewrite changes the quote as bytes: what routers on the way had changed of the
	// segment, or cut off.
	Rewrite func(quote []byte) []byte

	Quote craft.Segment
}

// AppendTo appends the message as an IP packet to the source of the quoted
// segment.
func (m *ICMP) AppendTo(b []byte) ([]byte, error) {
	quote, err := m.quote()
	if err != nil {
		return b, err
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, append(m.layers(), gopacket.Payload(quote))...); err != nil {
		return b, err
	}
	return append(b, buf.Bytes()...), nil
}

func (m *ICMP) quote() ([]byte, error) {
	quote, err := m.Quote.AppendTo(nil)
	switch {
	case err != nil:
		return nil, err
	case m.Rewrite != nil:
		return m.Rewrite(quote), nil
	case m.QuoteTCP == 0:
		return quote, nil
	}
	return quote[:min(len(quote), ipHeaderLen(m.Quote.Src.Addr())+m.QuoteTCP)], nil
}

func ipHeaderLen(a netip.Addr) int {
	if a.Is4() {
		return 20
	}
	return 40
}

func (m *ICMP) layers() []gopacket.SerializableLayer {
	from, ttl := m.From, m.TTL
	if !from.IsValid() {
		from = m.Quote.Dst.Addr()
	}
	ttl = cmp.Or(ttl, 64)
	src, dst := net.IP(from.AsSlice()), net.IP(m.Quote.Src.Addr().AsSlice())
	if from.Is4() {
		return m.layers4(src, dst, ttl)
	}
	return m.layers6(src, dst, ttl)
}

// layers4 puts the MTU where RFC 1191 §4 has it: the last two bytes before the
// quote.
func (m *ICMP) layers4(src, dst net.IP, ttl uint8) []gopacket.SerializableLayer {
	ip := &layers.IPv4{Version: 4, TTL: ttl, Protocol: layers.IPProtocolICMPv4, SrcIP: src, DstIP: dst}
	icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(m.Type, m.Code), Seq: uint16(m.MTU)}
	return []gopacket.SerializableLayer{ip, icmp}
}

// layers6 puts the MTU where RFC 4443 §3.2 has it: the four bytes before the
// quote.
func (m *ICMP) layers6(src, dst net.IP, ttl uint8) []gopacket.SerializableLayer {
	ip := &layers.IPv6{Version: 6, HopLimit: ttl, NextHeader: layers.IPProtocolICMPv6, SrcIP: src, DstIP: dst}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(m.Type, m.Code)}
	_ = icmp.SetNetworkLayerForChecksum(ip) // cannot fail for an IPv6 layer
	return []gopacket.SerializableLayer{ip, icmp, gopacket.Payload(binary.BigEndian.AppendUint32(nil, m.MTU))}
}

// source reads the source address of an IP packet.
func source(pkt []byte) (netip.Addr, bool) {
	switch {
	case len(pkt) >= 20 && pkt[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(pkt[12:16])), true
	case len(pkt) >= 40 && pkt[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(pkt[8:24])), true
	}
	return netip.Addr{}, false
}
