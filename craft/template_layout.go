package craft

import "slices"

// Layout is what stamps out a [Template] elsewhere need, in a program that
// runs in the kernel for one: the packet with its varying fields zero, and
// the sums that the fields are added to. With f the fields of a packet, as
// they lie in it,
//
//	header checksum = ^fold(HeaderSum + addresses + ID + TTL)
//	TCP checksum    = ^fold(TCPSum + addresses + ports + Seq + Ack + TSval)
//
// in one's complement arithmetic over 16-bit words (RFC 1071).
type Layout struct {
	Packet    []byte // from the IP header on; fields and checksums zero
	IP        int    // length of the IP header: 20 for IPv4, 40 for IPv6
	TSval     int    // offset of TSval in Packet; 0 where there is none
	TTL       uint8  // where the fields have none
	HeaderSum uint16 // of the IPv4 header; 0 for IPv6
	TCPSum    uint16 // of TCP header, options and payload, and the pseudo-header's protocol and length
}

// Layout returns a copy of what the template is made of.
func (t *Template) Layout() Layout {
	l := Layout{
		Packet:    slices.Clone(t.packet),
		IP:        t.ip,
		TTL:       t.defaults.TTL,
		HeaderSum: fold(t.headerSum),
		TCPSum:    fold(t.tcpSum),
	}
	if t.tsval > 0 {
		l.TSval = t.ip + t.tsval
	}
	return l
}
