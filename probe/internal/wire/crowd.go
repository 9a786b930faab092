package wire

import (
	"net/netip"
	"time"
)

// The last router before a network resolves every address that it forwards packets to. Its table is
// small: Linux holds 1,024 entries by default (gc_thresh3, arp(7)), for all of its networks
// together, and drops what does not fit, even answers of hosts that are there. An absent address
// holds its entry for three requests, a second apart (RFC 1122 §2.3.2.1), a present one for at
// least five seconds after its answer (net/core/neighbour.c, neigh_forced_gc). So a host is begun
// only while there is a place for it in the table of its network, which is taken to be no larger
// than a /20 or an IPv6 /64. A fifth of the table is left to others, and most of that to hosts that
// answer, whose entries the router has to hold anyway.
const (
	CrowdPlaces = 800     // of hosts that do not answer
	crowdTable  = 880     // of all
	CrowdSize   = 1 << 12 // addresses of a /20

	absentHolds  = 3100 * time.Millisecond
	presentHolds = 5100 * time.Millisecond

	// CrowdRate is how many hosts find a place per second, whether or not they are there.
	CrowdRate = 160
	// Contact is how long packets may go on to a host that has a place and has not
	// answered: they find the entry that the first one made, and do not prolong it.
	Contact = 2500 * time.Millisecond
)

// CrowdedFor is how long the last of n hosts of one network waits for its place at
// most: where none is there, or all are.
func CrowdedFor(n uint64) time.Duration {
	n = min(max(n, 1), CrowdSize) - 1
	return max(time.Duration(n/CrowdPlaces)*absentHolds, time.Duration(n/crowdTable)*presentHolds)
}

// Crowds keeps count of the places of each network. The zero value is ready for use.
type Crowds struct {
	at map[netip.Prefix]*crowd
}

// Enter takes a place for a host in the network of its address, or says when it is
// worth trying again.
func (c *Crowds) Enter(a netip.Addr, now time.Duration) (again time.Duration, entered bool) {
	if c.at == nil {
		c.at = map[netip.Prefix]*crowd{}
	}
	network := CrowdOf(a)
	if c.at[network] == nil {
		c.at[network] = new(crowd)
	}
	return c.at[network].enter(now)
}

// Answered lets a host that has entered at a time and answers now hold its place for
// as long as it may.
func (c *Crowds) Answered(a netip.Addr, entered, now time.Duration) {
	if crowd := c.at[CrowdOf(a)]; crowd != nil {
		crowd.hear(entered, now)
	}
}

// CrowdOf is the network that an address is taken to lie in.
func CrowdOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 20
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

const (
	crowdTick  = 100 * time.Millisecond
	crowdTicks = 64 // more than anybody holds a place
)

// crowd is the table of one network's router, as far as we fill it.
type crowd struct {
	tick     int64 // the present one
	silent   places
	answered places
	promised [crowdTicks]int32 // hosts told to come then
}

// places are those that some hosts hold.
type places struct {
	taken  int32
	ending [crowdTicks]int32 // of those, by the tick in which they become free
}

func (p *places) take(until time.Duration) {
	p.taken++
	p.ending[tickOf(until)%crowdTicks]++
}

func (p *places) free(at int64) {
	p.taken -= p.ending[at]
	p.ending[at] = 0
}

func tickOf(t time.Duration) int64 { return int64(t / crowdTick) }

// turn lets time pass.
func (c *crowd) turn(now time.Duration) {
	for end := min(tickOf(now), c.tick+crowdTicks); c.tick < end; {
		c.tick++
		at := c.tick % crowdTicks
		c.silent.free(at)
		c.answered.free(at)
		c.promised[at] = 0
	}
	c.tick = max(c.tick, tickOf(now))
}

func (c *crowd) full() bool { return c.silent.taken+c.answered.taken >= crowdTable }

func (c *crowd) enter(now time.Duration) (again time.Duration, entered bool) {
	if c.turn(now); c.silent.taken < CrowdPlaces && !c.full() {
		c.silent.take(now + absentHolds)
		return now, true
	}
	return c.promise(now), false
}

// promise is when a place becomes free that nobody else was told of, or when it is
// known which.
func (c *crowd) promise(now time.Duration) time.Duration {
	for t := c.tick + 1; t < c.tick+crowdTicks; t++ {
		at := t % crowdTicks
		ending := c.silent.ending[at]
		if c.full() {
			ending += c.answered.ending[at]
		}
		if ending > c.promised[at] {
			c.promised[at]++
			return time.Duration(t) * crowdTick
		}
	}
	return now + absentHolds
}

// hear moves a host to those that answer; one whose place was free again is resolved
// anew.
func (c *crowd) hear(entered, now time.Duration) {
	c.turn(now)
	if until := tickOf(entered + absentHolds); until > c.tick {
		c.silent.ending[until%crowdTicks]--
		c.silent.taken--
	}
	c.answered.take(now + presentHolds)
}
