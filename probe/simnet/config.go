package simnet

import (
	"cmp"
	"net/netip"
	"time"
)

// Config describes a Net. The zero value is a network that delivers everything
// at once.
type Config struct {
	// Seed decides every random choice. Tests log it.
	Seed uint64
	// Out is the way from us to the hosts, Back the way from them to us.
	Out, Back Path
	// Sources are our own addresses; the first of a family is the one that
	// Route returns. Default: 192.0.2.1 and 2001:db8::1.
	Sources []netip.Addr
	// MTU bounds what Send accepts, in bytes. Default: 1500.
	MTU int
	// SendError may refuse a packet as a local firewall or a missing
	// neighbour would; nil takes everything.
	SendError func(pkt []byte) error
	// Observe is told of every packet. It must neither keep Event.Data nor
	// call into the Net. A Transcript's Observe method fits here.
	Observe func(Event)
}

// Path is what happens to packets on their way in one direction. All
// probabilities are between 0 and 1 and are independent of each other.
type Path struct {
	Delay  time.Duration // every packet takes at least this long
	Jitter time.Duration // uniform in [0, Jitter) on top; it reorders, as a real one may

	Loss      float64       // the packet vanishes
	Duplicate float64       // a second copy arrives, with a jitter of its own
	Reorder   float64       // the packet is held back so that later ones overtake it
	Hold      time.Duration // for how long; default: Delay, at least a millisecond

	Limit Limit
}

// Limit is a rate limit, measured for each host separately. The zero value
// limits nothing.
type Limit struct {
	Rate   float64 // packets a second; 0 is unlimited
	Burst  int     // packets let through at once before the rate bites, at least 1
	Queue  int     // packets that wait for their turn; the rest is dropped
	Shared bool    // one limit for all hosts together: a link, not a policer
}

func (c Config) withDefaults() Config {
	if c.Sources == nil {
		c.Sources = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	}
	c.MTU = cmp.Or(c.MTU, 1500)
	c.Out, c.Back = c.Out.withDefaults(), c.Back.withDefaults()
	return c
}

func (p Path) withDefaults() Path {
	p.Hold = cmp.Or(p.Hold, max(p.Delay, time.Millisecond))
	p.Limit.Burst = max(p.Limit.Burst, 1)
	return p
}
