package scan

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// host is what a run learns about one address while probing it.
//
// A run may meet very many hosts, so the record is kept small.
type host struct {
	addr    netip.Addr
	key     netip.Addr // see wire.AsCarried
	id      uint32
	flights int32  // probes without a verdict
	turn    uint32 // of the routes, when its own was looked up
	way     *way
	wire.RTO
	timed     int32      // answers that RTO has taken in
	accepting wire.Times // of its SYN-ACKs alone
	early     []early    // answered before it was known how long its answers take

	expected     time.Duration // round trip that it is known by from elsewhere, 0: none
	began        time.Duration // when the first transmission left
	left         int           // transmissions so far
	leftAtAnswer int           // as of the latest answer
	away         time.Duration // since when its packets find no network; 0: they do

	limiter
	losses      losses
	firsts      bool         // it answers other than retransmissions
	persistence *persistence // what is known of its answers to those; nil: none came
	errors      losses       // by its ICMP errors
	silent      byTry        // transmissions that were not answered in time
	tally       tally
	found       found
	pending     queue          // probes that wait to be sent
	vouched     time.Duration  // when the latest of the transmissions left that it answered
	witness     uint16         // a port that has answered; 0: none has
	watch       *watch         // nil while the host was never under suspicion
	samples     *samples       // nil while one port at most has a verdict
	resolving   bool           // its link address is being asked for
	absent      *probe.Verdict // on each of its ports, once it is known that it is not there
	queued      bool           // among those that are ready, or asleep
	wake        time.Duration  // when it is ready again, while asleep
	crowded     bool           // one of a network whose router resolves it, and may resolve few at a time
	placed      bool           // has a place in its network, or had one
	entered     time.Duration  // when it got that

	greeted   uint8           // echo requests are of attempts below it
	greetedAt time.Duration   // when the latest left
	held      []probe.Verdict // kept back while nothing was heard of it, see search.go
}

// way is how hosts are reached; those that are reached alike share one.
type way struct {
	source netip.Addr // our address on it
	local  bool       // the hosts are this machine
	many   bool       // they are all machines of a network
	flows  bool       // the kernel chooses a next hop, and so a source, for each connection
	err    error      // why they cannot be reached from here
}

// MaxIdleHosts bounds how many hosts without a probe in flight are remembered.
const MaxIdleHosts = 1 << 18

// hosts finds the record of an address. Routes are asked of the kernel once
// for each.
type hosts struct {
	net    probe.Network
	met    func(*host, netraw.Route) // told of each new host that has a route
	byAddr map[netip.Addr]*host
	ways   map[way]*way // those without an error
	next   uint32
	turn   uint32 // how often routes have changed
	moved  bool   // a host was reached from two of our addresses
}

func newHosts(n probe.Network, met func(*host, netraw.Route)) *hosts {
	return &hosts{net: n, met: met, byAddr: map[netip.Addr]*host{}, ways: map[way]*way{}}
}

// find returns the host of an address that a packet on a link names, nil if
// unknown.
func (t *hosts) find(a netip.Addr, link int) *host { return t.byAddr[wire.AsCarried(a, link)] }

// get returns the host of an address to be probed.
func (t *hosts) get(a netip.Addr) *host {
	if h := t.byAddr[a]; h != nil && a.Zone() == "" {
		return h
	}
	route, err := t.net.Route(a)
	k := wire.AsCarried(a, route.IfIndex)
	if h := t.byAddr[k]; h != nil {
		return h
	}
	h := &host{addr: a, key: k, id: t.next, turn: t.turn, way: t.wayOf(route, err)}
	t.next++
	t.byAddr[k] = h
	if err == nil {
		t.met(h, route)
	}
	return h
}

// refresh looks the way to a host up once more where routes have changed since: the
// kernel's own connections take the new one at once, from another address of ours
// perhaps. Where there is none any more, the old one fails, and is tried again.
func (t *hosts) refresh(h *host) {
	if h.turn == t.turn {
		return
	}
	h.turn = t.turn
	if route, err := t.net.Route(h.addr); err == nil && !route.Broadcast && route.Local == h.way.local {
		before := h.way
		h.way = t.wayOf(route, nil)
		t.moved = t.moved || h.way != before
	}
}

// sourceOf is our address for what goes from a port of ours to one of a host.
func (t *hosts) sourceOf(h *host, from, to uint16) netip.Addr {
	if !h.way.flows {
		return h.way.source
	}
	route := wire.RouteFlow(t.net, netraw.Route{Source: h.way.source, PerFlow: true}, from, netip.AddrPortFrom(h.addr, to))
	if route.Source != h.way.source {
		t.wayOf(route, nil)
		t.moved = true
	}
	return route.Source
}

// arrivedAt tells whether an answer of a host came to the address that it is probed
// from, or was before routes changed.
func (t *hosts) arrivedAt(h *host, ev *wire.Event) bool {
	if ev.ArrivedAt(h.way.source) {
		return true
	}
	for w := range t.ways {
		if t.moved && ev.ArrivedAt(w.source) {
			return true
		}
	}
	return false
}

func (t *hosts) wayOf(route netraw.Route, err error) *way {
	if err != nil {
		return &way{err: err}
	}
	w := way{source: route.Source, local: route.Local, many: route.Broadcast, flows: route.PerFlow}
	if t.ways[w] == nil {
		t.ways[w] = &w
	}
	return t.ways[w]
}

// trim forgets a host without a probe in flight where too many are remembered,
// and tells whether it did.
func (t *hosts) trim(h *host) bool {
	if h.flights > 0 || h.queued || len(t.byAddr) <= MaxIdleHosts {
		return false
	}
	delete(t.byAddr, h.key)
	return true
}

var _ probe.Polled = (*netraw.Conn)(nil)
