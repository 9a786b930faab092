package craft

import "net/netip"

// A Segment is one TCP segment with the IP header fields a prober sets or
// reads. It is a plain value; Options and Payload alias whatever buffer they
// came from (see [Packet.Decode]). The zero Segment has no addresses and
// cannot be sent.
type Segment struct {
	Src, Dst  netip.AddrPort // both IPv4, or both IPv6 (zones are not on the wire)
	TTL       uint8          // IPv4 time to live or IPv6 hop limit, as on the wire
	TOS       uint8          // IPv4 TOS or IPv6 traffic class
	ID        uint16         // IPv4 identification; zero for IPv6
	DF        bool           // IPv4 don't fragment; false for IPv6
	FlowLabel uint32         // IPv6 flow label, 20 bits; zero for IPv4

	Seq, Ack Seq
	Flags    Flags
	Window   uint16 // as on the wire, never scaled
	Urgent   uint16
	Options  Options
	Payload  []byte
}

// Len returns SEG.LEN, the sequence space the segment occupies: its payload,
// and one each for SYN and FIN (RFC 9293 §3.4). Of a first fragment it is too little by
// the payload of the others: see [Packet.DecodeFirst].
func (s *Segment) Len() uint32 {
	n := uint32(len(s.Payload))
	if s.Flags.Has(SYN) {
		n++
	}
	if s.Flags.Has(FIN) {
		n++
	}
	return n
}
