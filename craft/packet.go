package craft

import (
	"errors"
	"net/netip"
)

// Reasons why [Packet.Decode] does not yield a packet. They are returned as
// they are, so that they can be counted by identity and cost no allocation.
var (
	ErrTruncated   = errors.New("packet truncated")
	ErrMalformed   = errors.New("packet malformed")
	ErrFragment    = errors.New("packet is a fragment")
	ErrChecksum    = errors.New("bad checksum")
	ErrUnsupported = errors.New("neither TCP nor an ICMP error about TCP")
)

// PacketKind says which part of a [Packet] is filled.
type PacketKind uint8

// The kinds of packet. The zero kind is a packet that is of no use to us.
const (
	PacketOther PacketKind = iota
	PacketTCP
	PacketICMPError
)

// String returns "other", "tcp" or "icmp-error".
func (k PacketKind) String() string {
	switch k {
	case PacketTCP:
		return "tcp"
	case PacketICMPError:
		return "icmp-error"
	}
	return "other"
}

// Checksums says what [Packet.Decode] does about checksums.
type Checksums uint8

// VerifyChecksums rejects packets whose checksums are wrong. TrustChecksums
// does not look: packets that have not left this machine may carry sums that
// were left for the network card to finish (packet(7), TP_STATUS_CSUMNOTREADY).
const (
	VerifyChecksums Checksums = iota
	TrustChecksums
)

// A Packet is what one received IP packet says to a TCP prober. It is meant to
// be reused: [Packet.Decode] overwrites all of it.
type Packet struct {
	Kind    PacketKind
	Segment Segment   // where Kind is PacketTCP
	ICMP    ICMPError // where Kind is PacketICMPError
	// Fragment marks the first of several fragments, whose checksum nobody verified, and
	// whose payload, and options where nothing follows them, go on in the next one: see
	// [Packet.DecodeFirst].
	Fragment bool
}

// An ICMPError is an ICMP or ICMPv6 error message about a TCP segment.
type ICMPError struct {
	Src, Dst   netip.Addr // of the message itself
	TTL        uint8
	Type, Code uint8
	Len        int        // bytes of the message, quote and extensions included
	MTU        uint32     // next-hop MTU of v4 3/4 (RFC 1191 §4) and v6 2/0, else zero
	Gateway    netip.Addr // of a v4 redirect, else invalid
	Pointer    uint32     // offset of the offending byte of v4 12 and v6 4, else zero
	Quote      Quote
}

// A Quote is the start of our own segment as an ICMP error returns it. Routers
// quote as little as 8 bytes of TCP (RFC 792), enough for ports and sequence
// number; fields beyond Len bytes are zero, and the Has methods say so.
type Quote struct {
	Src, Dst netip.AddrPort
	TTL, TOS uint8  // as they arrived at the router
	ID       uint16 // IPv4 only
	Seq      Seq
	Len      int // quoted TCP bytes, at least 8
	Ack      Seq
	Flags    Flags
	Window   uint16

	HeaderLen int     // bytes of the TCP header, as its data offset says
	Options   Options // as far as quoted; aliases the decoded buffer
}

// HasAck reports whether the acknowledgement number was quoted.
func (q *Quote) HasAck() bool { return q.Len >= 12 }

// HasFlags reports whether the flags were quoted.
func (q *Quote) HasFlags() bool { return q.Len >= 14 }

// HasWindow reports whether the window was quoted.
func (q *Quote) HasWindow() bool { return q.Len >= 16 }

// HasOptions reports whether the options were quoted to their end.
func (q *Quote) HasOptions() bool {
	return q.HeaderLen >= tcpHeaderLen && q.Len >= q.HeaderLen
}
