package discover

import (
	"net/netip"
	"time"

	"synscope/probe/internal/wire"
)

// The last router before a network resolves every address that packets come for,
// and remembers those that are not there for about 3 s (three requests, RFC 1122
// §2.3.2.1, arp(7)). Its table is small: Linux holds 1,024 entries by default
// (gc_thresh3), of all its networks together, and drops what does not fit, answers
// of hosts that are there included. So new hosts of a network, which is
// taken to be no larger than a /20 or an IPv6 /64, are begun at most crowdBurst at
// once and then crowdRate a second: 384 + 3 × 192 entries.
const (
	crowdBurst = 384
	crowdRate  = 192
	crowdSize  = 1 << 12 // addresses of a /20

	crowdInterval = time.Second / crowdRate
)

// crowd paces the hosts of one network. The zero value has its whole burst.
type crowd struct{ at time.Duration }

// slot takes the next place, and tells when that is.
func (c *crowd) slot(now time.Duration) time.Duration {
	c.at = max(c.at, now-crowdBurst*crowdInterval) + crowdInterval
	return max(c.at, now)
}

// crowdOf is the network that an address is taken to lie in.
func crowdOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 20
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}

// Crowded is how long the hosts of a range of n addresses wait for each other off
// the link, beside the pace.
func Crowded(n uint64) time.Duration {
	alone := min(n, crowdSize)
	if alone <= crowdBurst {
		return 0
	}
	const beside = mostAtOnce / crowdSize
	turns := (n-1)/(crowdSize*beside) + 1
	return time.Duration(min(float64(turns)*float64(alone-crowdBurst)*float64(crowdInterval), float64(1<<62)))
}

// approach lets a host have its first round when its network has room.
func (e *engine) approach(h *host) {
	network := crowdOf(h.Addr)
	c := e.crowds[network]
	if c == nil {
		c = &crowd{at: e.now - crowdBurst*crowdInterval}
		e.crowds[network] = c
	}
	if at := c.slot(e.now); at > e.now {
		e.timers.Push(wire.Timer{At: at, ID: h.id})
		return
	}
	e.begin(h)
}
