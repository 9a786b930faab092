package wire

import (
	"net/netip"
	"time"
)

// The last router before a network resolves every address that packets come for,
// and remembers those that are not there for about 3 s (three requests, RFC 1122
// §2.3.2.1, arp(7)). Its table is small: Linux holds 1,024 entries by default
// (gc_thresh3), of all its networks together, and drops what does not fit, answers
// of hosts that are there included. So new hosts of a network, which is
// taken to be no larger than a /20 or an IPv6 /64, are begun at most CrowdBurst at
// once and then CrowdRate a second: 320 + 3 × 160 entries, and a fifth of the table
// for others.
const (
	CrowdBurst    = 320
	CrowdRate     = 160
	CrowdSize     = 1 << 12 // addresses of a /20
	CrowdInterval = time.Second / CrowdRate
	// Contact is how long packets may go on to a host that has a slot and has not
	// answered: they find the entry that the first one made, and do not prolong it.
	Contact = 2500 * time.Millisecond
)

// Crowds paces the hosts of each network. The zero value is ready for use.
type Crowds struct {
	at map[netip.Prefix]time.Duration // the last slot of a network
}

// Slot takes the next place in the network of an address, and tells when that is.
func (c *Crowds) Slot(a netip.Addr, now time.Duration) time.Duration {
	if c.at == nil {
		c.at = map[netip.Prefix]time.Duration{}
	}
	network := CrowdOf(a)
	at, known := c.at[network]
	if idle := now - CrowdBurst*CrowdInterval; !known || at < idle {
		at = idle
	}
	at += CrowdInterval
	c.at[network] = at
	return max(at, now)
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
