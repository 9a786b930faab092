package flow

import (
	"encoding/binary"

	"synscope/craft"
)

// sums are what is known of the checksums of a file's packets.
//
// Who captures where packets are sent has some without a checksum, which the card
// fills in, and who rewrites addresses may leave all of them wrong. So a checksum
// that is wrong is held against a packet that came from elsewhere alone, and only
// once a packet that left shows that the file's are worth reading.
type sums struct{ read []bool } // by the number of the file

// corrupt tells a SYN, an RST or an ICMP error that its receiver has dropped, by
// its checksum (RFC 9293 §3.1, RFC 792).
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

// incoming tells a packet that was not sent where it was captured: the file says so,
// or a router has lowered its TTL.
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

// rightSum tells whether a whole packet has the checksum that it should have, or that
// of TCP is left to the card.
func rightSum(b []byte) bool {
	var p craft.Packet
	return p.Decode(b, craft.VerifyChecksums) != craft.ErrChecksum || unfinished(b)
}

// headerIntact tells whether an IPv4 header has the checksum that it should have.
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

// unfinished tells a TCP checksum that is the sum of the pseudo-header alone, to
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
