package flow

import (
	"encoding/binary"

	"synscope/craft"
)

// sums are what is known of the checksums of a file's packets.
//
// A capture made at the sender has packets whose checksum the network card was to
// fill in, and a tool that rewrote addresses may have left all checksums wrong. So a
// wrong checksum counts only in a packet that was received, and only once a packet
// that was sent shows that the checksums of the file mean something.
type sums struct{ read []bool } // by the number of the file

// corrupt reports whether a packet is a SYN, an RST or an ICMP error that its receiver
// has dropped because of its checksum (RFC 9293 §3.1, RFC 792).
func (t *Table) corrupt(p *Packet) bool {
	if d := &t.decoder.packet; d.Kind == craft.PacketTCP && d.Segment.Flags&(craft.SYN|craft.RST) == 0 {
		return false
	}
	if n, ok := claimed(p.Data); !ok || n == 0 || n > len(p.Data) {
		return false // not all of it was captured
	}
	incoming := t.incoming(p)
	if !incoming && t.sums.readable(p.File) {
		return false
	}
	right := rightSum(p.Data) && headerIntact(p.Data)
	if !incoming && right {
		t.sums.learn(p.File)
	}
	return incoming && !right && t.sums.readable(p.File)
}

// incoming reports whether a packet was received by the capturing machine: the file
// says so, or a router has lowered its TTL.
func (t *Table) incoming(p *Packet) bool {
	switch p.Direction {
	case Inbound:
		return true
	case Outbound:
		return false
	}
	ttl := t.decoder.packet.Segment.TTL
	if t.decoder.packet.Kind == craft.PacketICMPError {
		ttl = t.decoder.packet.ICMP.TTL
	}
	return !initialTTL(ttl)
}

func (s *sums) readable(file int) bool { return file < len(s.read) && s.read[file] }

func (s *sums) learn(file int) {
	for len(s.read) <= file {
		s.read = append(s.read, false)
	}
	s.read[file] = true
}

// rightSum reports whether the checksums of a whole packet are right, or that of TCP
// is left to the network card.
func rightSum(b []byte) bool {
	var p craft.Packet
	return p.Decode(b, craft.VerifyChecksums) != craft.ErrChecksum || unfinished(b)
}

// headerIntact reports whether the checksum of an IPv4 header is right.
func headerIntact(b []byte) bool {
	return b[0]>>4 != 4 || fold(addUp(b[:min(len(b), int(b[0]&15)*4)])) == 0xffff
}

// addUp is the sum of the 16-bit words of b, of which there is an even number of bytes
// (RFC 1071 §1).
func addUp(b []byte) (sum uint32) {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	return sum
}

func fold(sum uint32) uint16 {
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum)
}

// unfinished reports whether the TCP checksum is the sum of the pseudo-header alone, to
// which the card adds the rest (CHECKSUM_PARTIAL in include/linux/skbuff.h).
func unfinished(b []byte) bool {
	header, addresses := 40, b[8:40]
	if b[0]>>4 == 4 {
		header, addresses = int(b[0]&15)*4, b[12:20]
	}
	n, _ := claimed(b)
	if n -= header; n < 20 {
		return false
	}
	return binary.BigEndian.Uint16(b[header+16:]) == fold(addUp(addresses)+protocolTCP+uint32(n))
}
