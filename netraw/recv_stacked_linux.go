package netraw

import "time"

// sightings tells packets that a tap sees again, as they pass from one interface
// to another that is stacked upon it: a bridge, a bond, an ipvlan, a VLAN. The
// kernel stamps a packet once, where it first comes in (net_timestamp_check in
// net/core/dev.c), so the same bytes with the same stamp are the same packet;
// one that the network duplicated has another. It comes again at once, after
// few others at most.
type sightings struct {
	last [16]sighting
	next int
}

type sighting struct {
	stamp   time.Time
	ifindex int
	length  int
	head    [44]byte // IPv6 and the ports
}

// again notes an arriving packet, and tells whether another interface had it.
func (s *sightings) again(p *Packet) bool {
	if p.Outgoing || p.Time.IsZero() {
		return false
	}
	for i := range s.last {
		seen := &s.last[i]
		if seen.stamp.Equal(p.Time) && seen.ifindex != p.IfIndex && seen.is(p) {
			return true
		}
	}
	now := &s.last[s.next%len(s.last)]
	s.next++
	*now = sighting{stamp: p.Time, ifindex: p.IfIndex, length: len(p.Data)}
	copy(now.head[:], p.Data)
	return false
}

func (s *sighting) is(p *Packet) bool {
	n := min(len(p.Data), len(s.head))
	return s.length == len(p.Data) && string(s.head[:n]) == string(p.Data[:n])
}
