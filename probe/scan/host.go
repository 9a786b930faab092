package scan

import (
	"net/netip"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// host is what a run learns about one address while probing it.
//
// A run may meet very many hosts, so the record is kept small.
type host struct {
	addr    netip.Addr
	id      uint32
	flights int32 // probes without a verdict
	way     *way
	wire.RTO
	window
	tally tally
}

// way is how hosts are reached; those that are reached alike share one.
type way struct {
	source netip.Addr // our address on it
	local  bool       // the hosts are this machine
	err    error      // why they cannot be reached from here
}

// MaxIdleHosts bounds how many hosts without a probe in flight are remembered.
const MaxIdleHosts = 1 << 18

// hosts finds the record of an address. Routes are asked of the kernel once
// for each.
type hosts struct {
	net    probe.Network
	byAddr map[netip.Addr]*host
	ways   map[way]*way // those without an error
	next   uint32
}

func newHosts(n probe.Network) *hosts {
	return &hosts{net: n, byAddr: map[netip.Addr]*host{}, ways: map[way]*way{}}
}

// find returns the host of an address that a reply names, nil if unknown.
func (t *hosts) find(a netip.Addr) *host { return t.byAddr[key(a)] }

// get returns the host of an address to be probed.
func (t *hosts) get(a netip.Addr) *host {
	if h := t.byAddr[key(a)]; h != nil {
		return h
	}
	h := &host{addr: a, id: t.next, way: t.wayTo(a)}
	t.next++
	t.byAddr[key(a)] = h
	return h
}

func (t *hosts) wayTo(a netip.Addr) *way {
	route, err := t.net.Route(a)
	if err != nil {
		return &way{err: err}
	}
	w := way{source: route.Source, local: route.Local}
	if t.ways[w] == nil {
		t.ways[w] = &w
	}
	return t.ways[w]
}

// trim forgets hosts without a probe in flight where too many are remembered.
func (t *hosts) trim(h *host) {
	if h.flights == 0 && len(t.byAddr) > MaxIdleHosts {
		delete(t.byAddr, key(h.addr))
	}
}

// key is an address as packets carry it.
func key(a netip.Addr) netip.Addr { return a.WithZone("") }

var _ probe.Network = (*netraw.Conn)(nil)
