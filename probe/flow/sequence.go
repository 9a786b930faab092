package flow

import (
	"cmp"
	"time"

	"synscope/craft"
)

// Bounds of Wireshark's analysis, taken over so that both agree.
const (
	fastWindow    = int64(20 * time.Millisecond) // from the last duplicate acknowledgement to a fast retransmission
	reorderWindow = int64(3 * time.Millisecond)  // how late a reordered segment is, where no round trip is known
)

// side is what one end of a connection has sent.
type side struct {
	nextAt int64     // when next was sent
	ackAt  int64     // of the latest acknowledgement
	next   craft.Seq // after the highest sequence number sent
	ack    craft.Seq // the latest acknowledgement
	window uint16
	same   uint8 // duplicate acknowledgements in a row, up to 255
	begun  bool
	acked  bool
	probed bool  // its last segment was a keep-alive
	ttl    uint8 // of its first segment, 0 unknown
	holed  bool  // its latest acknowledgement has SACK blocks (RFC 2018): something is missing
}

// classify says what a segment of side s is, and takes it in; other is the far
// end, missing tells that none of its numbers was captured before. rtt is the
// connection's first round trip, zero while unknown.
func (s *side) classify(seg *craft.Segment, at int64, other *side, rtt int64, missing bool) Repeat {
	r := s.repeat(seg, at, other, rtt)
	if missing && (at < s.nextAt || at < other.ackAt || r != Fresh && seg.Flags.Has(craft.SYN)) || r == KeepAlive && at < s.nextAt {
		r = s.early(seg)
	}
	s.countDuplicate(seg, other)
	s.advance(seg, at, r)
	if seg.Flags.Has(craft.ACK) {
		s.acked, s.ack, s.ackAt, s.holed = true, seg.Ack, at, tellsOfHole(seg)
	}
	s.window, s.probed = seg.Window, r == KeepAlive
	return r
}

// tellsOfHole reports whether a bare acknowledgement has blocks of later numbers.
func tellsOfHole(seg *craft.Segment) bool {
	const least = 10 // one block
	if len(seg.Options) < least || len(seg.Payload) > 0 {
		return false
	}
	for o := range seg.Options.All() {
		if o.Kind == craft.KindSACK {
			return true
		}
	}
	return false
}

func (s *side) repeat(seg *craft.Segment, at int64, other *side, rtt int64) Repeat {
	const control = craft.SYN | craft.FIN | craft.RST
	n := uint32(len(seg.Payload))
	switch {
	case !s.begun:
		return Fresh
	case n == 1 && seg.Seq == s.next && other.begun && other.window == 0:
		return WindowProbe
	case n <= 1 && seg.Flags&control == 0 && (seg.Seq == s.next.Add(^uint32(0)) ||
		n == 1 && other.acked && other.ack == seg.Seq.Add(1) && s.next.LessThan(other.ack)): // what is below it was not captured
		return KeepAlive
	case seg.Len() == 0 || seg.Flags.Has(craft.RST) && n == 0:
		return Fresh
	case n > 0 && other.acked && seg.Seq.Add(n).LessThanEq(other.ack):
		return SpuriousRetransmission
	case !seg.Seq.LessThan(s.next) || n > 1 && seg.Seq == s.next.Add(^uint32(0)):
		return Fresh
	case other.same >= 2 && other.ack == seg.Seq && at-other.ackAt < fastWindow:
		return FastRetransmission
	case s.overtaken(seg, at, rtt):
		return OutOfOrder
	}
	return Retransmission
}

// early says what a segment is that was sent before the one with the highest
// number or its own acknowledgement, and stands behind it in the file: no
// repetition, since nothing of it was captured before. Wireshark 4.0 takes it
// for one.
func (s *side) early(seg *craft.Segment) Repeat {
	if seg.Len() > 0 && s.begun && seg.Seq.LessThan(s.next) {
		return OutOfOrder
	}
	return Fresh
}

// overtaken reports whether a segment may fill a hole soon after a later segment was
// seen. As in Wireshark 4.0 the hole itself is not checked, so that a retransmission
// by SACK within a round trip is called out of order.
func (s *side) overtaken(seg *craft.Segment, at int64, rtt int64) bool {
	rtt = cmp.Or(max(rtt, 0), reorderWindow)
	return at-s.nextAt < rtt && s.next != seg.Seq.Add(seg.Len())
}

// countDuplicate counts acknowledgements that repeat the one before and carry
// nothing else (RFC 5681 §2). The answer to a keep-alive looks the same and is
// none.
func (s *side) countDuplicate(seg *craft.Segment, other *side) {
	switch {
	case !s.begun || !s.acked || seg.Ack != s.ack:
		s.same = 0
	case other.probed:
	case seg.Len() == 0 && !seg.Flags.Has(craft.RST) && seg.Window != 0 && seg.Window == s.window && seg.Seq == s.next:
		s.same = min(s.same, 254) + 1
	}
}

// advance updates the highest number that a side has sent. An RST is left out: it uses
// up no number, and its own may be a guess.
func (s *side) advance(seg *craft.Segment, at int64, r Repeat) {
	end := seg.Seq.Add(seg.Len())
	if seg.Flags.Has(craft.RST) {
		return
	}
	if !s.begun || s.next.LessThan(end) && r != WindowProbe {
		s.begun, s.next, s.nextAt = true, end, at
	}
}
