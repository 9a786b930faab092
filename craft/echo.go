package craft

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// EchoKind is a question that hosts answer beside TCP, and its answer.
type EchoKind uint8

// The kinds. The zero kind is none.
const (
	EchoRequest      EchoKind = iota + 1 // ICMP 8, ICMPv6 128 (RFC 792, RFC 4443 §4.1)
	EchoReply                            // ICMP 0, ICMPv6 129
	TimestampRequest                     // ICMP 13, IPv4 only (RFC 792)
	TimestampReply                       // ICMP 14
)

// echoTypes are the ICMP types of each kind; ICMPv6 has no time stamps.
var echoTypes = map[EchoKind]struct{ v4, v6 uint8 }{
	EchoRequest: {8, 128}, EchoReply: {0, 129}, TimestampRequest: {13, 0}, TimestampReply: {14, 0},
}

// An Echo is an ICMP or ICMPv6 echo or time stamp message. Whoever answers one
// repeats its ID, its Seq and its Token.
type Echo struct {
	Src, Dst netip.Addr
	TTL, TOS uint8
	Kind     EchoKind
	ID, Seq  uint16
	Token    uint32 // the first data of an echo, the originate time stamp of a time stamp
}

const (
	echoLen      = icmpHeaderLen + 4
	timestampLen = icmpHeaderLen + 12
)

// AppendTo appends the whole IP packet to b, lengths and checksums filled in. It
// fails with [ErrAddresses], or with [ErrUnsupported] for a time stamp over IPv6,
// and then returns b as it was.
func (e *Echo) AppendTo(b []byte) ([]byte, error) {
	body, protocol, err := e.message()
	if err != nil {
		return b, fmt.Errorf("build echo %v > %v: %w", e.Src, e.Dst, err)
	}
	s := Segment{Src: netip.AddrPortFrom(e.Src, 0), Dst: netip.AddrPortFrom(e.Dst, 0), TTL: e.TTL, TOS: e.TOS, ID: e.Seq}
	ip := s.networkLayer()
	switch l := ip.(type) {
	case *layers.IPv4:
		l.Protocol = layers.IPProtocol(protocol)
	case *layers.IPv6:
		l.NextHeader = layers.IPProtocol(protocol)
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, ip.(gopacket.SerializableLayer), gopacket.Payload(body)); err != nil {
		return b, fmt.Errorf("build echo %v > %v: %w", e.Src, e.Dst, err)
	}
	return append(b, buf.Bytes()...), nil
}

// message is the ICMP message with its checksum, and its protocol number.
func (e *Echo) message() (body []byte, protocol uint8, err error) {
	types, known := echoTypes[e.Kind]
	timestamp := e.Kind == TimestampRequest || e.Kind == TimestampReply
	switch {
	case !e.Src.IsValid() || !e.Dst.IsValid() || e.Src.Is4() != e.Dst.Is4():
		return nil, 0, ErrAddresses
	case !known || timestamp && e.Src.Is6():
		return nil, 0, ErrUnsupported
	}
	body, protocol = make([]byte, echoLen), protocolICMP
	if timestamp {
		body = make([]byte, timestampLen)
	}
	body[0] = types.v4
	binary.BigEndian.PutUint16(body[4:], e.ID)
	binary.BigEndian.PutUint16(body[6:], e.Seq)
	binary.BigEndian.PutUint32(body[8:], e.Token)
	if e.Src.Is6() {
		body[0], protocol = types.v6, protocolICMPv6
	}
	h := ipHeader{src: e.Src.WithZone(""), dst: e.Dst.WithZone(""), protocol: protocol, payload: body}
	binary.BigEndian.PutUint16(body[2:], checksum(h.upperLayerSum()))
	return body, protocol, nil
}

// DecodeEcho reads the IP packet that begins at b[0] as [Packet.Decode] does, and
// fails as it does; what is neither an echo nor a time stamp is [ErrUnsupported].
func DecodeEcho(b []byte, c Checksums) (Echo, error) {
	var h ipHeader
	if err := h.decode(b, c); err != nil {
		return Echo{}, err
	}
	protocol := uint8(protocolICMP)
	if h.src.Is6() {
		protocol = protocolICMPv6
	}
	switch {
	case h.offset != 0 || h.more:
		return Echo{}, ErrFragment
	case h.protocol != protocol:
		return Echo{}, ErrUnsupported
	case c == VerifyChecksums && !h.upperLayerSumOK():
		return Echo{}, shortOr(h.payload, icmpHeaderLen, ErrChecksum)
	}
	return h.echo()
}

// echo reads the message behind the header.
func (h *ipHeader) echo() (Echo, error) {
	m := h.payload
	if len(m) < echoLen {
		return Echo{}, ErrTruncated
	}
	for kind, types := range echoTypes {
		if m[1] == 0 && (h.src.Is4() && m[0] == types.v4 || h.src.Is6() && types.v6 != 0 && m[0] == types.v6) {
			return Echo{
				Src: h.src, Dst: h.dst, TTL: h.ttl, TOS: h.tos, Kind: kind,
				ID: binary.BigEndian.Uint16(m[4:]), Seq: binary.BigEndian.Uint16(m[6:]), Token: binary.BigEndian.Uint32(m[8:]),
			}, nil
		}
	}
	return Echo{}, ErrUnsupported
}
