package flow

import (
	"hash/maphash"
	"time"

	"synscope/craft"
)

// duplicateWindow is how long a packet takes at most from one interface of the
// capturing machine to another.
const duplicateWindow = 100 * time.Millisecond

// sightings recognises a packet that is seen again at another place: on another
// interface, in the other direction, or with another TTL. A capture on all
// interfaces of a router, a bridge or a container host has each packet several
// times; the repetitions say nothing of the connection.
//
// It remembers the latest packet for each of a few thousand hash values, in
// constant memory. What is compared is all that routers leave alone and that
// does not depend on checksum offloading.
type sightings struct {
	seed  maphash.Seed
	slots [4096]sighting
}

type sighting struct {
	hash  uint64
	at    time.Time
	place place
}

// place is where a packet was seen.
type place struct {
	iface     uint32
	direction Direction
	ttl       uint8
}

// again reports whether a segment was seen elsewhere just before. ip is the
// packet it was decoded from.
func (s *sightings) again(p *Packet, seg *craft.Segment) bool {
	hash := s.hash(p.Data, seg)
	slot := &s.slots[hash%uint64(len(s.slots))]
	here := place{p.Interface, p.Direction, seg.TTL}
	if slot.hash == hash && slot.place != here && p.Time.Sub(slot.at).Abs() < duplicateWindow {
		return true
	}
	*slot = sighting{hash, p.Time, here}
	return false
}

// hash covers addresses, ports, numbers, flags, window, options, length and the
// IPv4 identification.
func (s *sightings) hash(ip []byte, seg *craft.Segment) uint64 {
	var b [36 + 20 + 40]byte
	k, _ := keyOf(seg.Src, seg.Dst)
	n := copy(b[:], k[:])
	for _, v := range [...]uint32{
		uint32(seg.Src.Port()), uint32(seg.Seq), uint32(seg.Ack),
		uint32(seg.Flags)<<16 | uint32(seg.Window), uint32(seg.ID)<<16 | uint32(len(seg.Payload)),
	} {
		b[n], b[n+1], b[n+2], b[n+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		n += 4
	}
	n += copy(b[n:], seg.Options)
	return maphash.Bytes(s.seed, b[:n])
}
