package flow

import (
	"encoding/binary"

	"synscope/craft"
)

// maxPacketLen is the largest IP packet without a jumbogram option.
const maxPacketLen = 40 + 0xffff

// decoder reads IP packets of which a capture may have kept only the first
// bytes.
type decoder struct {
	packet craft.Packet
	whole  []byte // room for a packet that is filled up
}

// decode reads b into d.packet, whose slices are good until the next call.
// Checksums are not verified: packets that were captured where they were sent
// often have unfinished ones. Of a cut segment the payload's missing bytes are
// zero.
func (d *decoder) decode(b []byte) error {
	err := d.packet.Decode(b, craft.TrustChecksums)
	if err == nil || err == craft.ErrUnsupported || err == craft.ErrFragment {
		return err
	}
	if length, ok := claimed(b); ok && length == 0 {
		return d.decodeOffloaded(b)
	} else if !ok || err != craft.ErrTruncated || length <= len(b) {
		return err
	}
	return d.decodeCut(b)
}

// claimed returns the packet's length as its IP header says: zero where the
// length was left to segmentation by the network card.
func claimed(b []byte) (length int, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return int(binary.BigEndian.Uint16(b[2:])), true
	case len(b) >= 40 && b[0]>>4 == 6:
		if n := int(binary.BigEndian.Uint16(b[4:])); n > 0 {
			return 40 + n, true
		}
		return 0, b[6] != 0 // with hop-by-hop options it may be a jumbogram
	}
	return 0, false
}

// decodeCut fills a segment up to its length, or shortens an ICMP error to what
// is there of its quote.
func (d *decoder) decodeCut(b []byte) error {
	length, _ := claimed(b)
	if d.whole == nil {
		d.whole = make([]byte, maxPacketLen)
	}
	n := copy(d.whole, b)
	clear(d.whole[n:length])
	if d.packet.Decode(d.whole[:length], craft.TrustChecksums) != nil {
		return craft.ErrTruncated
	}
	if d.packet.Kind == craft.PacketICMPError {
		return d.shortened(n)
	}
	if length-len(d.packet.Segment.Payload) > n {
		return craft.ErrTruncated // within the TCP header
	}
	return nil
}

// shortened decodes the first n bytes of what is in d.whole as if the packet
// had been that long.
func (d *decoder) shortened(n int) error {
	if d.whole[0]>>4 == 4 {
		binary.BigEndian.PutUint16(d.whole[2:], uint16(n))
	} else {
		binary.BigEndian.PutUint16(d.whole[4:], uint16(n-40))
	}
	return d.packet.Decode(d.whole[:n], craft.TrustChecksums)
}

// decodeOffloaded reads a packet whose length was not filled in: it is that of
// what was captured.
func (d *decoder) decodeOffloaded(b []byte) error {
	if len(b) > 0xffff {
		return craft.ErrMalformed
	}
	if d.whole == nil {
		d.whole = make([]byte, maxPacketLen)
	}
	return d.shortened(copy(d.whole, b))
}
