package flow

import (
	"encoding/binary"

	"synscope/craft"
	"synscope/probe/handshake"
)

// lone is a SYN without any later packet so far, as scans and floods send millions. It
// holds what is needed to turn it into a connection when a later packet comes.
type lone struct {
	key       key
	hash      uint32 // of key
	links     links
	at        int64  // its stamp
	number    uint64 // of the attempt
	packet    uint64
	seen      uint32 // hash of the packet
	isn, val  uint32
	window    uint16
	mss       uint16
	heard     ticks  // of the table's clock
	network   uint32 // as in Packet
	ecn       craft.Flags
	file      uint16
	ttl       uint8
	shift     uint8
	offers    offers
	direction Direction
}

// offers are which of the common options a SYN has, and who sent it.
type offers uint8

const (
	offersMSS offers = 1 << iota
	offersShift
	offersSACK
	offersStamps
	fromSecond // the client is the second endpoint of the key
	recorded   // as in Packet
)

// loneOf reads a SYN that a lone record can hold: no data, no rare options,
// nothing cut off.
func loneOf(s *craft.Segment, kept handshake.Kept) (l lone, ok bool) {
	const ecn = craft.ECE | craft.CWR | craft.AE
	if s.Flags&^ecn != craft.SYN || len(s.Payload) > 0 || kept.OptionsCut {
		return l, false
	}
	l = lone{isn: uint32(s.Seq), window: s.Window, ecn: s.Flags & ecn, ttl: s.TTL}
	for o := range s.Options.All() {
		if !l.offer(o) {
			return l, false
		}
	}
	return l, true
}

func (l *lone) offer(o craft.Option) bool {
	switch {
	case o.Kind <= craft.KindNOP:
	case o.Kind == craft.KindMSS && len(o.Data) == 2:
		l.mss, l.offers = binary.BigEndian.Uint16(o.Data), l.offers|offersMSS
	case o.Kind == craft.KindWindowScale && len(o.Data) == 1:
		l.shift, l.offers = o.Data[0], l.offers|offersShift
	case o.Kind == craft.KindSACKPermitted && len(o.Data) == 0:
		l.offers |= offersSACK
	case o.Kind == craft.KindTimestamps && len(o.Data) == 8:
		l.val, l.offers = binary.BigEndian.Uint32(o.Data), l.offers|offersStamps
	default:
		return false
	}
	return true
}

// segment rebuilds the SYN, as far as judging needs it; its options are in room.
func (l *lone) segment(room *[craft.MaxOptions]byte) craft.Segment {
	o := room[:0]
	if l.offers&offersMSS != 0 {
		o = append(o, byte(craft.KindMSS), 4, byte(l.mss>>8), byte(l.mss))
	}
	if l.offers&offersShift != 0 {
		o = append(o, byte(craft.KindWindowScale), 3, l.shift)
	}
	if l.offers&offersSACK != 0 {
		o = append(o, byte(craft.KindSACKPermitted), 2)
	}
	if l.offers&offersStamps != 0 {
		o = append(o, byte(craft.KindTimestamps), 10)
		o = append(binary.BigEndian.AppendUint32(o, l.val), 0, 0, 0, 0)
	}
	return craft.Segment{
		Seq: craft.Seq(l.isn), Flags: craft.SYN | l.ecn, Window: l.window, TTL: l.ttl, Options: craft.Options(o),
	}
}
