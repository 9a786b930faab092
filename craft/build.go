package craft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Reasons why a [Segment] cannot be built.
var (
	ErrAddresses  = errors.New("source and destination are not of one IP version")
	ErrTooLong    = errors.New("packet too long for its length field")
	ErrFieldRange = errors.New("field wider than its place in the header")
)

const (
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	tcpHeaderLen  = 20
	protocolTCP   = 6
)

// AppendTo appends the whole IP packet to b, lengths and checksums filled in.
// Options are padded with zeros to whole words. It fails with [ErrAddresses],
// [ErrOptionsTooLong], [ErrTooLong] or [ErrFieldRange], and then returns b as
// it was.
func (s *Segment) AppendTo(b []byte) ([]byte, error) {
	if err := s.check(); err != nil {
		return b, fmt.Errorf("build segment %v > %v: %w", s.Src, s.Dst, err)
	}
	ip := s.networkLayer()
	tcp := s.tcpLayer()
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		return b, fmt.Errorf("build segment %v > %v: %w", s.Src, s.Dst, err)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	err := gopacket.SerializeLayers(buf, opts, ip.(gopacket.SerializableLayer), tcp, gopacket.Payload(s.Payload))
	if err != nil {
		return b, fmt.Errorf("build segment %v > %v: %w", s.Src, s.Dst, err)
	}
	start := len(b)
	b = append(b, buf.Bytes()...)
	setReserved(b[start+s.networkHeaderLen():], s.Flags&ReservedFlags)
	return b, nil
}

// check reports what gopacket would silently write wrong.
func (s *Segment) check() error {
	src, dst := s.Src.Addr(), s.Dst.Addr()
	switch {
	case !src.IsValid() || !dst.IsValid() || src.Is4() != dst.Is4():
		return ErrAddresses
	case len(s.Options) > MaxOptions:
		return ErrOptionsTooLong
	case s.claimedLen() > 0xffff:
		return ErrTooLong
	case s.FlowLabel > 0xfffff || s.Flags > allFlags:
		return ErrFieldRange
	}
	return nil
}

// claimedLen is what the length field of the IP header must hold: for IPv4
// with that header (RFC 791 §3.1), for IPv6 without (RFC 8200 §3).
func (s *Segment) claimedLen() int {
	n := tcpHeaderLen + (len(s.Options)+3)/4*4 + len(s.Payload)
	if s.Src.Addr().Is4() {
		n += ipv4HeaderLen
	}
	return n
}

func (s *Segment) networkHeaderLen() int {
	if s.Src.Addr().Is4() {
		return ipv4HeaderLen
	}
	return ipv6HeaderLen
}

func (s *Segment) networkLayer() gopacket.NetworkLayer {
	if s.Src.Addr().Is4() {
		return s.ipv4Layer()
	}
	return &layers.IPv6{
		Version:      6,
		TrafficClass: s.TOS,
		FlowLabel:    s.FlowLabel,
		NextHeader:   layers.IPProtocolTCP,
		HopLimit:     s.TTL,
		SrcIP:        addrBytes(s.Src.Addr()),
		DstIP:        addrBytes(s.Dst.Addr()),
	}
}

func (s *Segment) ipv4Layer() *layers.IPv4 {
	ip := &layers.IPv4{
		Version:  4,
		TOS:      s.TOS,
		Id:       s.ID,
		TTL:      s.TTL,
		Protocol: layers.IPProtocolTCP,
		SrcIP:    addrBytes(s.Src.Addr()),
		DstIP:    addrBytes(s.Dst.Addr()),
	}
	if s.DF {
		ip.Flags = layers.IPv4DontFragment
	}
	return ip
}

// tcpLayer hands the options over as gopacket's padding, the one way in which
// it writes them byte for byte.
func (s *Segment) tcpLayer() *layers.TCP {
	return &layers.TCP{
		SrcPort: layers.TCPPort(s.Src.Port()),
		DstPort: layers.TCPPort(s.Dst.Port()),
		Seq:     uint32(s.Seq),
		Ack:     uint32(s.Ack),
		FIN:     s.Flags.Has(FIN),
		SYN:     s.Flags.Has(SYN),
		RST:     s.Flags.Has(RST),
		PSH:     s.Flags.Has(PSH),
		ACK:     s.Flags.Has(ACK),
		URG:     s.Flags.Has(URG),
		ECE:     s.Flags.Has(ECE),
		CWR:     s.Flags.Has(CWR),
		NS:      s.Flags.Has(AE),
		Window:  s.Window,
		Urgent:  s.Urgent,
		Padding: append(Options(nil), s.Options...).pad(),
	}
}

// setReserved sets bits that gopacket cannot, in a finished TCP header.
func setReserved(tcp []byte, f Flags) {
	if f == 0 {
		return
	}
	word := binary.BigEndian.Uint16(tcp[12:])
	sum := binary.BigEndian.Uint16(tcp[16:])
	binary.BigEndian.PutUint16(tcp[12:], word|uint16(f))
	binary.BigEndian.PutUint16(tcp[16:], updateChecksum(sum, word, word|uint16(f)))
}

func addrBytes(a netip.Addr) net.IP { return a.AsSlice() }
