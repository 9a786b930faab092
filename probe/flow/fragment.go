package flow

import (
	"encoding/binary"
	"time"

	"synscope/craft"
)

// fragment is one part of an IP packet that was sent in several (RFC 791 §2.3,
// RFC 8200 §4.5).
type fragment struct {
	key    fragmentKey
	offset int    // of its first byte in the upper-layer packet
	length int    // in bytes on the wire
	more   bool   // it is not the last
	header []byte // of IP, as that of a whole packet
	data   []byte // as far as captured
}

type fragmentKey struct {
	src, dst [16]byte
	id       uint32
	network  uint32 // as in Packet
}

// datagram is what is kept of a TCP segment in fragments: enough to give each of
// them its numbers. They are not put together: each counts as a segment of its
// own, in the order in which they come.
type datagram struct {
	first   craft.Segment // numbers, flags and window; valid where begun
	data    int           // where the payload begins
	head    []byte        // the beginning, while it is too short to be a TCP header
	waiting []waiting     // what came before the header
	at      int64         // of the latest part
	begun   bool
	fin     bool // the last fragment has the FIN
}

type waiting struct {
	packet Packet // without data
	part   fragment
}

// fragments are the latest datagrams of which more fragments may come.
type fragments struct {
	known map[fragmentKey]*datagram
	order []fragmentKey
}

const (
	mostDatagrams = 256
	mostWaiting   = 16
	together      = int64(30 * time.Second) // within which the fragments of a datagram arrive (RFC 1122 §3.3.2: 60 to 120 s at most)
)

// fragmentOf reads a packet as a fragment of a TCP segment; ok is false where it
// is whole, or something else.
func fragmentOf(b []byte) (f fragment, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return fragmentOf4(b)
	case len(b) >= 40 && b[0]>>4 == 6 && b[6] != protocolTCP:
		return fragmentOf6(b)
	}
	return f, false
}

const protocolTCP = 6

// Bits of the field of IPv4 that says what a fragment is (RFC 791 §3.1).
const moreFragments, fragmentOffset = 0x2000, 0x1fff

func fragmentOf4(b []byte) (f fragment, ok bool) {
	field, n := binary.BigEndian.Uint16(b[6:]), int(b[0]&15)*4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if field&(moreFragments|fragmentOffset) == 0 || b[9] != protocolTCP || n < 20 || len(b) < n || total <= n {
		return f, false
	}
	f.header = append([]byte(nil), b[:n]...)
	binary.BigEndian.PutUint16(f.header[6:], field&^(moreFragments|fragmentOffset))
	f.offset, f.more, f.length = int(field&fragmentOffset)*8, field&moreFragments != 0, total-n
	f.data = b[n:min(len(b), total)]
	copy(f.key.src[:], b[12:16])
	copy(f.key.dst[:], b[16:20])
	f.key.id = uint32(binary.BigEndian.Uint16(b[4:]))
	return f, true
}

func fragmentOf6(b []byte) (f fragment, ok bool) {
	const hopByHop, routing, fragmentHeader, destination = 0, 43, 44, 60
	next, at := 6, 40 // where the next header is named, and where it is
	for b[next] != fragmentHeader {
		if h := b[next]; h != hopByHop && h != routing && h != destination || len(b) < at+2 {
			return f, false
		}
		next, at = at, at+int(b[at+1])*8+8
		if len(b) <= at {
			return f, false
		}
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if len(b) < at+8 || b[at] != protocolTCP || total <= at+8 {
		return f, false
	}
	field := binary.BigEndian.Uint16(b[at+2:])
	if field&^6 == 0 {
		return f, false // a packet that is whole (RFC 6946)
	}
	f.header = append([]byte(nil), b[:at]...)
	f.header[next] = b[at]
	f.offset, f.more, f.length = int(field&^7), field&1 != 0, total-at-8
	f.data = b[at+8 : min(len(b), total)]
	copy(f.key.src[:], b[8:24])
	copy(f.key.dst[:], b[24:40])
	f.key.id = binary.BigEndian.Uint32(b[at+4:])
	return f, true
}

// fragment takes in a part of a segment.
func (t *Table) fragment(at int64, p *Packet, f *fragment) {
	f.key.network = p.Network
	d := t.datagram(f.key)
	if d.at != 0 && abs(at-d.at) > together {
		t.countWaiting(d) // the identification is used again
		*d = datagram{}
	}
	d.at = at
	switch {
	case f.offset == 0 || !d.begun && len(d.head) > 0 && f.offset == len(d.head):
		t.beginDatagram(at, p, f, d)
	case d.begun:
		t.goOn(at, p, f, d)
	case len(d.waiting) < mostWaiting:
		kept := *p
		kept.Data, kept.NetworkName = nil, nil
		part := *f
		part.header, part.data = nil, nil
		d.waiting = append(d.waiting, waiting{kept, part})
	default:
		t.counts.Rejected["fragment"]++
	}
}

// datagram returns what is known of the one that a fragment is of.
func (t *Table) datagram(key fragmentKey) *datagram {
	x := &t.fragments
	if d := x.known[key]; d != nil {
		return d
	}
	if x.known == nil {
		x.known = map[fragmentKey]*datagram{}
	}
	if len(x.order) == mostDatagrams {
		t.dropDatagram(x.order[0])
		x.order = x.order[:copy(x.order, x.order[1:])]
	}
	d := &datagram{}
	x.known[key] = d
	x.order = append(x.order, key)
	return d
}

// dropDatagram forgets one.
func (t *Table) dropDatagram(key fragmentKey) {
	t.countWaiting(t.fragments.known[key])
	delete(t.fragments.known, key)
}

// countWaiting counts what was never given its numbers.
func (t *Table) countWaiting(d *datagram) {
	left := len(d.waiting)
	if d.head != nil {
		left++
	}
	if left > 0 {
		t.counts.Rejected["fragment"] += uint64(left)
	}
}

// beginDatagram takes in the part with the TCP header, which may be in several.
func (t *Table) beginDatagram(at int64, p *Packet, f *fragment, d *datagram) {
	begin := f.data
	switch {
	case f.offset > 0:
		t.counts.Rejected["fragment"]++ // its bytes go into the segment that follows
		begin = append(d.head, begin...)
	case d.head != nil:
		t.counts.Rejected["fragment"]++ // this one is in the place of what waited
	}
	if tooShort(begin, f.offset+f.length) {
		d.head = append([]byte{}, begin...)
		return
	}
	d.head = nil
	whole := *p
	whole.Data, whole.Length = joinHeader(f.header, begin, f.offset+f.length), 0
	if err := t.decoder.decode(&whole); err != nil || t.decoder.packet.Kind != craft.PacketTCP {
		t.counts.Rejected["fragment"]++
		return
	}
	s := &t.decoder.packet.Segment
	d.begun, d.fin, d.data = true, false, f.offset+f.length-len(s.Payload)
	if f.more && s.Flags.Has(craft.FIN) {
		s.Flags, d.fin = s.Flags&^craft.FIN, true
	}
	d.first = craft.Segment{
		Src: s.Src, Dst: s.Dst, TTL: s.TTL, ID: s.ID, DF: s.DF, Seq: s.Seq, Ack: s.Ack, Flags: s.Flags, Window: s.Window,
	}
	if d.fin && !s.Flags.Has(craft.SYN) {
		s.Ack = withoutFIN(s.Ack)
	}
	t.segment(at, &whole, s)
	for i := range d.waiting {
		w := &d.waiting[i]
		t.goOn(stampOf(w.packet.Time), &w.packet, &w.part, d)
	}
	d.waiting = nil
}

// tooShort reports whether a TCP header is longer than the n bytes that its first
// fragment has; b is what was captured of these.
func tooShort(b []byte, n int) bool {
	const fixed = 20
	return n < fixed || len(b) > 12 && n < int(b[12]>>4)*4
}

// joinHeader makes an IP packet of a header and the beginning of what it has,
// n bytes in all.
func joinHeader(header, begin []byte, n int) []byte {
	b := append(append([]byte(nil), header...), begin...)
	if b[0]>>4 == 4 {
		binary.BigEndian.PutUint16(b[2:], uint16(len(header)+n))
	} else {
		binary.BigEndian.PutUint16(b[4:], uint16(len(header)-40+n))
	}
	return b
}

// goOn takes in a part behind the TCP header: the data after those of the parts
// before it.
func (t *Table) goOn(at int64, p *Packet, f *fragment, d *datagram) {
	s := d.first
	t.decoder.kept.Recorded = p.Recorded
	s.Seq = s.Seq.Add(uint32(f.offset - d.data))
	if s.Flags.Has(craft.SYN) {
		s.Seq = s.Seq.Add(1)
	}
	s.Flags &= craft.ACK
	switch {
	case !d.fin:
	case f.more && d.first.Flags.Has(craft.SYN):
	case f.more:
		s.Ack = withoutFIN(s.Ack)
	default:
		s.Flags |= craft.FIN
	}
	t.decoder.fill(&s, f.data, f.length)
	t.segment(at, p, &s)
}

// withoutFIN is the acknowledgement of all but a FIN. A FIN that acknowledges a FIN
// makes a close of three segments; as several fragments it would look like a close of
// four.
func withoutFIN(ack craft.Seq) craft.Seq { return ack.Add(^uint32(0)) }

// dropFragments drops all datagrams, and counts their fragments that waited for a header.
func (t *Table) dropFragments() {
	for _, key := range t.fragments.order {
		t.dropDatagram(key)
	}
	t.fragments = fragments{}
}
