package flow

import (
	"encoding/binary"

	"synscope/craft"
	"synscope/probe/handshake"
)

// decoder reads IP packets of which a capture may have kept only the first
// bytes.
type decoder struct {
	packet  craft.Packet
	kept    handshake.Kept // of packet.Segment
	header  []byte         // room for a packet that is filled up
	payload []byte         // room for a payload that was cut off
}

// decode reads a packet into d.packet, whose slices are good until the next
// call. Checksums are not verified: packets that were captured where they were
// sent often have unfinished ones. The payload of a cut segment has its true
// length, and only the bytes that d.kept counts are the packet's.
func (d *decoder) decode(p *Packet) error {
	b := p.Data
	err := d.packet.Decode(b, craft.TrustChecksums)
	d.kept = handshake.Kept{Payload: len(d.packet.Segment.Payload), Recorded: p.Recorded}
	switch {
	case err == nil || err == craft.ErrUnsupported:
		return err
	case err == craft.ErrFragment:
		return d.decodeFirst(b)
	}
	length, ok := claimed(b)
	switch {
	case !ok:
		return err
	case length == 0:
		return d.decodeCut(b, max(len(b), p.Length))
	case err == craft.ErrTruncated && length > len(b):
		return d.decodeCut(b, length)
	}
	return err
}

// decodeFirst reads the first fragment of an ICMP error, which has what it quotes.
func (d *decoder) decodeFirst(b []byte) error {
	if d.packet.DecodeFirst(b, craft.TrustChecksums) != nil || d.packet.Kind != craft.PacketICMPError {
		return craft.ErrFragment
	}
	return nil
}

// claimed returns the packet's length as its IP header says: zero where the
// length was left to segmentation by the network card, or is in a jumbogram's
// option (RFC 2675).
func claimed(b []byte) (length int, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return int(binary.BigEndian.Uint16(b[2:])), true
	case len(b) >= 40 && b[0]>>4 == 6:
		if n := int(binary.BigEndian.Uint16(b[4:])); n > 0 {
			return 40 + n, true
		}
		return 0, true
	}
	return 0, false
}

// spare is room for the longest TCP header behind what was captured.
const spare = 60

// longest is the largest number that an IP header's length field holds.
const longest = 0xffff

// decodeCut reads a packet of the given length of which b is the beginning.
func (d *decoder) decodeCut(b []byte, length int) error {
	n := min(len(b), longest-spare)
	d.header = append(append(d.header[:0], b[:n]...), make([]byte, spare)...)
	if err := d.decodeAs(min(n+spare, length)); err != nil {
		return craft.ErrTruncated
	}
	if d.packet.Kind == craft.PacketICMPError {
		return d.decodeAs(n)
	}
	s := &d.packet.Segment
	data := min(n+spare, length) - len(s.Payload) // where the payload begins
	fixed := data - len(s.Options)                // where the 20 bytes end that a segment must have
	if fixed > n {
		return craft.ErrTruncated
	}
	if data > n {
		s.Options, d.kept.OptionsCut = wholeOptions(s.Options[:n-fixed]), true
	}
	d.fill(s, d.header[min(data, n):n], max(0, length-data))
	return nil
}

// decodeAs decodes the first n bytes of the header room as if the packet were
// that long.
func (d *decoder) decodeAs(n int) error {
	if d.header[0]>>4 == 4 {
		binary.BigEndian.PutUint16(d.header[2:], uint16(n))
	} else {
		binary.BigEndian.PutUint16(d.header[4:], uint16(n-40))
	}
	return d.packet.Decode(d.header[:n], craft.TrustChecksums)
}

// fill gives a segment a payload of n bytes, which begins with what was
// captured of it.
func (d *decoder) fill(s *craft.Segment, captured []byte, n int) {
	if len(d.payload) < n {
		d.payload = make([]byte, max(n, longest))
	}
	d.kept.Payload = copy(d.payload[:n], captured)
	s.Payload = d.payload[:n:n]
}

// wholeOptions leaves out a last option that is cut.
func wholeOptions(o craft.Options) craft.Options {
	n := 0
	for option := range o.All() {
		if n++; option.Kind > craft.KindNOP {
			n += 1 + len(option.Data)
		}
	}
	return o[:min(n, len(o))]
}
