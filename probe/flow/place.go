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

// copies are the places at which a connection was captured once more, by a clock
// that differs by more than a packet is under way: the captures of both its ends
// were merged. What comes from there and says nothing new is the same packet
// again, however late it stands in the file; what is new was missed at the first
// place.
type copies struct {
	first, second [2]place // by the Side that sent
	known         [2]bool
	old           []numbers // of connections on the same ports before, the latest last
}

// numbers are those that a connection has used, by the Side that sent.
type numbers struct{ from, to [2]craft.Seq }

// has tells a segment of that connection.
func (n *numbers) has(from handshake.Side, s *craft.Segment) bool {
	other := from.Other()
	within := func(v craft.Seq, side handshake.Side) bool {
		return n.from[side].LessThanEq(v) && v.LessThanEq(n.to[side])
	}
	return (within(s.Seq, from) || s.Flags.Has(craft.RST) && s.Seq == 0) && (!s.Flags.Has(craft.ACK) || within(s.Ack, other))
}

// mostOld is how many connections before are remembered.
const mostOld = 4

// inherited are the copies of a connection for the next one on its ports: those
// of its packets may still come.
func (f *flow) inherited() *copies {
	c := f.copies()
	if c == nil {
		return nil
	}
	var n numbers
	n.from[0], n.to[0], n.from[1], n.to[1] = f.watch.Numbers()
	if len(c.old) == mostOld {
		c.old = c.old[1:]
	}
	c.old = append(c.old, n)
	return c
}

// past tells a copy of a connection before.
func (f *flow) past(from handshake.Side, p *Packet, s *craft.Segment) bool {
	c := f.copies()
	if c == nil || !f.elsewhere(from, p, s) {
		return false
	}
	for i := range c.old {
		if c.old[i].has(from, s) {
			return true
		}
	}
	return false
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

// elsewhere tells a packet from the place at which copies come.
func (f *flow) elsewhere(from handshake.Side, p *Packet, s *craft.Segment) bool {
	c := f.copies()
	if c == nil {
		return false
	}
	here := placeOf(p, s)
	if c.known[from] {
		return c.second[from] == here
	}
	known := f.sides[from].ttl // of the other side copies have come
	return known != 0 && known != s.TTL
}

// copyOf tells a packet of a connection that was captured at another place
// before, and is not remembered.
func (f *flow) copyOf(swapped bool, p *Packet, s *craft.Segment) bool {
	from := f.side(swapped, s)
	if f.past(from, p, s) {
		return true
	}
	if known := f.sides[from].ttl; s.Flags.Has(craft.SYN) && known != 0 && known != s.TTL {
		first := placeOf(p, s)
		first.ttl = known
		switch f.watch.SameSYN(from, s) {
		case handshake.Seen:
			f.copied(from, first, placeOf(p, s))
			return true
		case handshake.Missed:
			f.copied(from, first, placeOf(p, s))
		}
	}
	return f.elsewhere(from, p, s) && (!f.watch.News(from, s) || s.Flags.Has(craft.RST) && f.reset&(1<<from) != 0)
}

// copyOf does so for a SYN that nothing has followed.
func (l *lone) copyOf(swapped bool, s *craft.Segment) bool {
	val, _, _ := s.Options.Timestamps()
	return s.Flags&(craft.SYN|craft.ACK) == craft.SYN && uint32(s.Seq) == l.isn && s.TTL != l.ttl && val == l.val &&
		swapped == (l.offers&fromSecond != 0)
}

// asFirst is a segment that was captured elsewhere as it would have been at the
// first place.
func (f *flow) asFirst(from handshake.Side, s *craft.Segment) *craft.Segment {
	first := *s
	if first.TTL = f.sides[from].ttl; f.copies().known[from] {
		first.TTL = f.copies().first[from].ttl
	}
	return &first
}
