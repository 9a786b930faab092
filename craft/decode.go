package craft

import (
	"encoding/binary"
	"net/netip"
)

const (
	protocolICMP   = 1
	protocolICMPv6 = 58
)

// Decode reads the IP packet that begins at b[0]; bytes beyond the length in
// its header, such as Ethernet padding, are ignored. Options, payload and
// quoted options alias b and live as long as it does. Nothing is allocated,
// and no input panics.
//
// Decode returns nil for a whole TCP segment and for an ICMP error about one,
// and otherwise one of [ErrTruncated], [ErrMalformed], [ErrFragment],
// [ErrChecksum] and [ErrUnsupported], unwrapped; then Kind is [PacketOther]
// and the rest of p is undefined. Malformed TCP options are not an error: see
// [Options.Malformed].
func (p *Packet) Decode(b []byte, c Checksums) error {
	*p = Packet{}
	var h ipHeader
	if err := h.decode(b, c); err != nil {
		return err
	}
	if h.offset != 0 || h.more {
		return ErrFragment
	}
	return p.decodeUpper(&h, c)
}

// DecodeFirst is Decode for a packet that may be the first of several fragments (RFC
// 791 §3.2, RFC 8200 §4.5): it reads the headers that are in it, options and payload
// as far as they are. The checksum of what only all fragments hold is not verified,
// and Fragment says so, also beside an error: take nothing from it but what repeats a
// number of your own. Of one that is too short for a TCP header, which is [ErrTruncated], the segment has the
// addresses and ports, if those are there.
// Of later fragments the error is [ErrFragment].
func (p *Packet) DecodeFirst(b []byte, c Checksums) error {
	*p = Packet{}
	var h ipHeader
	if err := h.decode(b, c); err != nil {
		return err
	}
	if h.offset != 0 {
		return ErrFragment
	}
	if h.more {
		p.Fragment, c = true, TrustChecksums
	}
	return p.decodeUpper(&h, c)
}

func (p *Packet) decodeUpper(h *ipHeader, c Checksums) error {
	switch {
	case h.protocol == protocolTCP:
		return p.decodeSegment(h, c)
	case h.protocol == protocolICMP && h.src.Is4(),
		h.protocol == protocolICMPv6 && h.src.Is6():
		return p.decodeICMP(h, c)
	}
	return ErrUnsupported
}

func (p *Packet) decodeSegment(h *ipHeader, c Checksums) error {
	if c == VerifyChecksums && !h.upperLayerSumOK() {
		return shortOr(h.payload, tcpHeaderLen, ErrChecksum)
	}
	if err := p.Segment.decode(h); err != nil {
		return err
	}
	p.Kind = PacketTCP
	return nil
}

func (p *Packet) decodeICMP(h *ipHeader, c Checksums) error {
	if c == VerifyChecksums && !h.upperLayerSumOK() {
		return shortOr(h.payload, icmpHeaderLen, ErrChecksum)
	}
	if err := p.ICMP.decode(h); err != nil {
		return err
	}
	p.Kind = PacketICMPError
	return nil
}

// shortOr returns err, or ErrTruncated where b is shorter than n bytes.
func shortOr(b []byte, n int, err error) error {
	if len(b) < n {
		return ErrTruncated
	}
	return err
}

// decode reads a whole TCP segment (RFC 9293 §3.1).
func (s *Segment) decode(h *ipHeader) error {
	tcp := h.payload
	if len(tcp) < tcpHeaderLen {
		if h.more && len(tcp) >= portsLen {
			s.Src, s.Dst = h.ports()
		}
		return ErrTruncated
	}
	n := dataOffset(tcp)
	if h.more {
		n = min(n, len(tcp))
	}
	if n < tcpHeaderLen || n > len(tcp) {
		return ErrMalformed
	}
	src, dst := h.ports()
	*s = Segment{
		Src:       src,
		Dst:       dst,
		TTL:       h.ttl,
		TOS:       h.tos,
		ID:        h.id,
		DF:        h.df,
		FlowLabel: h.flowLabel,
		Seq:       seqAt(tcp, 4),
		Ack:       seqAt(tcp, 8),
		Flags:     flagsAt(tcp),
		Window:    binary.BigEndian.Uint16(tcp[14:]),
		Urgent:    binary.BigEndian.Uint16(tcp[18:]),
		Options:   Options(tcp[tcpHeaderLen:n:n]),
		Payload:   tcp[n:],
	}
	return nil
}

// portsLen is how much of a TCP header the ports take, in bytes.
const portsLen = 4

// ports are the ends of the segment that the packet holds.
func (h *ipHeader) ports() (src, dst netip.AddrPort) {
	return netip.AddrPortFrom(h.src, binary.BigEndian.Uint16(h.payload[0:])),
		netip.AddrPortFrom(h.dst, binary.BigEndian.Uint16(h.payload[2:]))
}

// dataOffset returns the length of the TCP header, in bytes, as it claims.
func dataOffset(tcp []byte) int { return int(tcp[12]>>4) * 4 }

func flagsAt(tcp []byte) Flags { return Flags(binary.BigEndian.Uint16(tcp[12:])) & allFlags }
