package flow

import (
	"synscope/craft"
	"synscope/probe/handshake"
)

// place is where a packet was seen.
type place struct {
	iface     uint32
	network   uint32
	direction Direction
	ttl       uint8
}

func placeOf(p *Packet, s *craft.Segment) place {
	return place{p.Interface, p.Network, p.Direction, s.TTL}
}

// copies are the places at which a connection was captured a second time, by a clock
// that differs by more than the time of a packet on its way: captures of both ends
// were merged. A packet from there that brings nothing new is a copy, however late it
// stands in the file; one that does was missed at the first place.
type copies struct {
	first, second [2]place // by the Side that sent
	known         [2]bool
	old           []numbers // of connections on the same ports before, the latest last
}

// placed reports whether another place is known.
func (c *copies) placed() bool { return c.known[0] || c.known[1] }

// numbers are those that a connection has used, by the Side that sent.
type numbers struct {
	from, to   [2]craft.Seq
	ttl        [2]uint8 // at the first place, 0 unknown
	file       uint16   // of its first packet
	fromSecond bool     // the client is the second endpoint
}

// elsewhere reports whether a segment was captured at another place than those of
// that connection.
func (n *numbers) elsewhere(from handshake.Side, p *Packet, s *craft.Segment) bool {
	return n.ttl[from] != 0 && n.ttl[from] != s.TTL || n.file != uint16(p.File)
}

// has reports whether a segment is one of that connection.
func (n *numbers) has(from handshake.Side, s *craft.Segment) bool {
	other := from.Other()
	return (n.within(s.Seq, from) || s.Flags.Has(craft.RST) && s.Seq == 0) && (!s.Flags.Has(craft.ACK) || n.within(s.Ack, other))
}

func (n *numbers) within(v craft.Seq, side handshake.Side) bool {
	return n.from[side].LessThanEq(v) && v.LessThanEq(n.to[side])
}

// mostOld is how many earlier connections on the same ports are remembered.
const mostOld = 4

// inherited are the copies of a connection for the next one on its ports, and the
// numbers of those before: more of their packets may come from another place.
func (f *flow) inherited() *copies {
	n := numbers{ttl: [2]uint8{f.sides[0].ttl, f.sides[1].ttl}, file: f.firstFile, fromSecond: f.fromSecond}
	n.from[0], n.to[0], n.from[1], n.to[1] = f.watch.Numbers()
	c := f.copies()
	switch {
	case c != nil:
	case n.from[1] == n.to[1]: // nothing of the server
		return nil
	default:
		c = new(copies)
	}
	if len(c.old) == mostOld {
		c.old = c.old[1:]
	}
	c.old = append(c.old, n)
	return c
}

// past reports whether a packet is a copy of one of an earlier connection.
func (f *flow) past(from handshake.Side, p *Packet, s *craft.Segment) bool {
	c := f.copies()
	if c == nil {
		return false
	}
	again := f.elsewhere(from, p, s)
	for i := range c.old {
		n, side := &c.old[i], from
		if n.fromSecond != f.fromSecond {
			side = from.Other()
		}
		if n.has(side, s) && (again || n.elsewhere(side, p, s)) && !n.used(f) {
			return true
		}
	}
	return false
}

// used reports whether a later connection has begun with the same numbers.
func (n *numbers) used(f *flow) bool {
	var isn [2]craft.Seq
	isn[0], _, isn[1], _ = f.watch.Numbers()
	client := handshake.Client
	if n.fromSecond != f.fromSecond {
		client = handshake.Server
	}
	return n.within(isn[0], client) && (isn[1] == 0 || n.within(isn[1], client.Other()))
}

// copied notes that a packet was captured again at another place.
func (f *flow) copied(from handshake.Side, first, again place) {
	m := f.rare()
	if m.copies == nil {
		m.copies = &copies{}
	}
	if c := m.copies; !c.known[from] {
		c.first[from], c.second[from], c.known[from] = first, again, true
	}
}

// elsewhere reports whether a packet was captured at the place where copies come from.
func (f *flow) elsewhere(from handshake.Side, p *Packet, s *craft.Segment) bool {
	c := f.copies()
	if c == nil || !c.placed() {
		return false
	}
	here := placeOf(p, s)
	if c.known[from] {
		return c.second[from] == here
	}
	known := f.sides[from].ttl // of the other side copies have come
	return known != 0 && known != s.TTL
}

// copyOf reports whether a packet was captured before at another place, too long ago
// to be remembered.
func (f *flow) copyOf(swapped bool, p *Packet, s *craft.Segment) bool {
	from := f.side(swapped, s)
	if f.past(from, p, s) {
		return true
	}
	apart := abs(stampOf(p.Time) - f.watch.Begin())
	if known := f.sides[from].ttl; s.Flags.Has(craft.SYN) && known != 0 && (known != s.TTL || f.fromOtherFile(from, p, s)) && apart < otherClock {
		first := placeOf(p, s)
		first.ttl = known
		switch f.watch.SameSYN(from, s) {
		case handshake.Seen:
			f.copied(from, first, placeOf(p, s))
			return true
		case handshake.Missed:
			if apart < elsewhere/2 {
				break // the same clock, or nearly so: it is out of order
			}
			f.copied(from, first, placeOf(p, s))
		}
	}
	return f.elsewhere(from, p, s) && (!f.watch.News(from, s) || s.Flags.Has(craft.RST) && f.reset&(1<<from) != 0)
}

// fromOtherFile reports whether a packet is of another file and is no retransmission.
// Another file alone proves no copy: a capture may have been rotated.
func (f *flow) fromOtherFile(from handshake.Side, p *Packet, s *craft.Segment) bool {
	return p.File != int(f.firstFile) && (stamped(s) || f.watch.Counted(from, s.ID))
}

// copyOf does so for a SYN that nothing has followed.
func (l *lone) copyOf(swapped bool, p *Packet, s *craft.Segment) bool {
	val, _, _ := s.Options.Timestamps()
	return s.Flags&(craft.SYN|craft.ACK) == craft.SYN && uint32(s.Seq) == l.isn && (s.TTL != l.ttl || p.File != int(l.file) && stamped(s)) && val == l.val &&
		swapped == (l.offers&fromSecond != 0)
}

// asFirst is a segment that was captured elsewhere, changed to what it was at the
// first place.
func (f *flow) asFirst(from handshake.Side, s *craft.Segment) *craft.Segment {
	first := *s
	if first.TTL = f.sides[from].ttl; f.copies().known[from] {
		first.TTL = f.copies().first[from].ttl
	}
	return &first
}
