package probe

import (
	"net/netip"

	"synscope/netraw"
)

// host is what a run learns about one address while probing it.
type host struct {
	addr    netip.Addr
	id      uint32
	route   netip.Addr // our address towards it
	local   bool       // it is this machine
	err     error      // why it cannot be reached from here
	flights int        // probes without a verdict
	rtoEstimator
	window
	tally tally
}

// maxIdleHosts bounds how many hosts without a probe in flight are remembered.
const maxIdleHosts = 1 << 18

// hosts finds the record of an address. Routes are asked of the kernel once
// for each.
type hosts struct {
	net    Network
	byAddr map[netip.Addr]*host
	next   uint32
}

func newHosts(n Network) *hosts { return &hosts{net: n, byAddr: map[netip.Addr]*host{}} }

// find returns the host of an address that a reply names, nil if unknown.
func (t *hosts) find(a netip.Addr) *host { return t.byAddr[key(a)] }

// get returns the host of an address to be probed.
func (t *hosts) get(a netip.Addr) *host {
	if h := t.byAddr[key(a)]; h != nil {
		return h
	}
	route, err := t.net.Route(a)
	h := &host{addr: a, id: t.next, route: route.Source, local: route.Local, err: err}
	t.next++
	t.byAddr[key(a)] = h
	return h
}

// trim forgets hosts without a probe in flight where too many are remembered.
func (t *hosts) trim(h *host) {
	if h.flights == 0 && len(t.byAddr) > maxIdleHosts {
		delete(t.byAddr, key(h.addr))
	}
}

// key is an address as packets carry it.
func key(a netip.Addr) netip.Addr { return a.WithZone("") }

var _ Network = (*netraw.Conn)(nil)
