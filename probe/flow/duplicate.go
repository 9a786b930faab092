package flow

import (
	"hash/maphash"
	"time"

	"synscope/craft"
	"synscope/probe/handshake"
)

// How far apart the stamps of a packet that was captured twice are at most.
const (
	elsewhere  = int64(100 * time.Millisecond) // on different interfaces of the machine
	otherClock = int64(2 * time.Minute)        // at both ends of a connection, whose clocks differ
	samePlace  = int64(100 * time.Millisecond) // at one place, where an IP identification tells packets apart
	noIdentity = int64(3 * time.Millisecond)   // at one place, without: sooner than anything is retransmitted unasked
	shortest   = int64(100 * time.Millisecond) // the same for a SYN, which no stack repeats sooner, and for what has a timestamp
	bareAgain  = int64(time.Millisecond)       // the same for a bare ACK, where all packets come twice
)

// sightings recognises a packet that is captured again: at another place (on
// another interface, in the other direction, with another TTL) or at the same
// one, as a mirror port or a file joined with itself has it. The repetitions
// say nothing of the connection.
//
// It remembers the latest packets of each of a thousand groups of hash values,
// in constant memory. What is compared is all that routers leave alone and that
// does not depend on checksum offloading. A segment that its sender retransmitted
// has another IP identification; where there is none, it comes later than a copy
// would. Bare ACKs without an identification may really come in a row: they are taken
// for one packet only where most others come twice.
//
// Some routers change options (the maximum segment size of a SYN), the window,
// the ECN bits or the identification, and lower the TTL: a packet that differs in
// these alone is a copy, too.
type sightings struct {
	seed    maphash.Seed
	groups  [1024][4]sighting
	doubled float64 // the recent share of packets that came again for certain

	first    sighting // the first of the capture
	latest   int64    // the highest stamp
	rewound  bool     // the capture has begun from the first packet again
	anything bool
}

type sighting struct {
	hash  uint64 // of what nobody changes on the way
	at    int64
	looks uint32 // hash of the rest
	id    uint16 // IPv4 identification
	place
}

// place is where a packet was seen.
// sameness says whether a packet was captured before.
type sameness uint8

const (
	fresh  sameness = iota
	likely          // the same, unless its receiver has asked for it meanwhile
	same
)

// again reports whether a segment was seen just before, when, and its hash.
func (s *sightings) again(at int64, p *Packet, seg *craft.Segment, kept handshake.Kept, k *key) (twice sameness, first sighting, hash uint64) {
	hash, looks := s.hash(k, seg)
	here := sighting{hash, at, looks, seg.ID, placeOf(p, seg)}
	if s.rewind(&here) {
		return same, here, hash ^ uint64(looks)
	}
	group := &s.groups[hash%uint64(len(s.groups))]
	oldest := &group[0]
	for i := range group {
		slot := &group[i]
		if slot.hash == hash {
			if twice := s.compare(slot, &here, seg, kept); twice != fresh {
				return twice, *slot, hash ^ uint64(looks)
			}
		}
		if alike(slot, &here) || !alike(oldest, &here) && slot.at < oldest.at {
			oldest = slot
		}
	}
	s.weigh(false)
	*oldest = here
	return fresh, here, hash ^ uint64(looks)
}

// often is the least share of copies in a capture that is taken to have each packet
// twice.
const often = 0.25

// compare decides about two packets that look the same. Data without an
// identification may have been lost and retransmitted within a millisecond where
// the two ends are near: only who knows the connection can tell.
func (s *sightings) compare(a, b *sighting, seg *craft.Segment, kept handshake.Kept) sameness {
	apart := b.at - a.at
	if apart < 0 {
		apart = -apart
	}
	bare := seg.Len() == 0 // an RST answers each of several segments
	var twice bool
	switch {
	case a.looks == b.looks && seg.ID != 0 && apart > otherClock && stamped(seg):
		twice = true // one of the two stamps is wrong: the sender's clock has not moved
	case a.looks != b.looks:
		twice = forwarded(a, b) && (apart < noIdentity || apart < elsewhere && a.id == b.id && a.id != 0) ||
			a.ttl != b.ttl && apart < otherClock && a.id == b.id && a.id != 0
	case a.place != b.place && apart > otherClock:
		twice = !bare && a.ttl != b.ttl && !seg.Flags.Has(craft.SYN) // one of the two stamps is wrong; some scanners send one SYN again and again
	case a.place != b.place:
		twice = apart < elsewhere || apart < otherClock && (seg.ID != 0 || stamped(seg) || !bare && a.ttl != b.ttl)
	case seg.ID != 0:
		twice = apart < samePlace
	case bare && s.doubled > often && apart < bareAgain:
		return same
	case bare:
		return fresh
	case seg.Flags.Has(craft.SYN) && !kept.OptionsCut:
		twice = apart < shortest
	case apart >= shortest, apart >= noIdentity && !stamped(seg):
		return fresh
	case seg.Len() > 0 && s.doubled <= often:
		return likely
	default:
		twice = true
	}
	if !twice {
		return fresh
	}
	s.weigh(true)
	return same
}

// alike reports whether two packets differ in nothing.
func alike(a, b *sighting) bool { return a.hash == b.hash && a.looks == b.looks }

// forwarded reports whether a router has sent on the one of two packets that was
// captured as the other too.
func forwarded(a, b *sighting) bool {
	return a.at <= b.at && a.ttl > b.ttl || a.at >= b.at && a.ttl < b.ttl
}

// stamped reports whether a segment has the timestamp option (RFC 7323 §3), whose
// clock has moved on when something is retransmitted after a timeout.
func stamped(seg *craft.Segment) bool {
	_, _, ok := seg.Options.Timestamps()
	return ok
}

// weigh updates the recent share of copies.
func (s *sightings) weigh(twice bool) {
	const recent = 64
	s.doubled -= s.doubled / recent
	if twice {
		s.doubled += 1.0 / recent * 2 // one of the two is the first
	}
}

// rewind reports whether the capture has been appended to itself, and a packet is part
// of the repetition: the first packet came again, and the end of the first time has
// not been reached.
func (s *sightings) rewind(here *sighting) bool {
	switch {
	case !s.anything:
		s.anything, s.first, s.latest = true, *here, here.at
	case here.at > s.latest:
		s.latest, s.rewound = here.at, false
	case alike(here, &s.first) && here.at == s.first.at && here.at < s.latest:
		s.rewound = true
	}
	return s.rewound
}

// hash covers addresses, ports, numbers, flags and length; looks is one of what
// is changed on the way: congestion bits, window, IPv4 identification, options.
func (s *sightings) hash(k *key, seg *craft.Segment) (hash uint64, looks uint32) {
	const congestion = craft.ECE | craft.CWR | craft.AE
	var b [36 + 20 + 40]byte
	n := copy(b[:], k[:])
	for _, v := range [...]uint32{
		uint32(seg.Src.Port()), uint32(seg.Seq), uint32(seg.Ack),
		uint32(seg.Flags &^ congestion), uint32(len(seg.Payload)),
	} {
		b[n], b[n+1], b[n+2], b[n+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		n += 4
	}
	hash = maphash.Bytes(s.seed, b[:n])
	b[0], b[1] = byte(seg.Window>>8), byte(seg.Window)
	b[2], b[3] = byte((seg.Flags&congestion)>>8), byte(seg.Flags&congestion)
	b[4], b[5] = byte(seg.ID>>8), byte(seg.ID)
	n = 6 + copy(b[6:], seg.Options)
	return hash, uint32(maphash.Bytes(s.seed, b[:n]))
}
