package probe

import (
	"net/netip"
	"slices"
)

// Earlier is what a search for hosts leaves to the run that probes their ports over the same
// network: nothing else uses it meanwhile. Addresses are without zones, but for those of links (RFC 4007),
// whose zone is the link's number.
type Earlier struct {
	Key      [16]byte // of the numbers of its segments: answers to them may still come, and be those of open ports
	Attempts int      // most transmissions to one port

	open  map[netip.Addr][]Verdict
	ports int
}

// mostOpen bounds the ports that are remembered.
const mostOpen = 1 << 15

// Open are the verdicts on ports of an address that answered by SYN-ACKs.
func (x *Earlier) Open(a netip.Addr) []Verdict {
	if x == nil {
		return nil
	}
	return x.open[a]
}

// Lacks tells whether there is no such verdict yet, and room for one.
func (x *Earlier) Lacks(a netip.Addr, port uint16) bool {
	return x.ports < mostOpen && !slices.ContainsFunc(x.open[a], func(v Verdict) bool { return v.Target.Port() == port })
}

// Add adds a verdict.
func (x *Earlier) Add(a netip.Addr, v Verdict) {
	if x.open == nil {
		x.open = map[netip.Addr][]Verdict{}
	}
	x.open[a] = append(x.open[a], v)
	x.ports++
}
