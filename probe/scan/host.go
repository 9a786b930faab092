package scan

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// host is what a run learns about one address while probing it.
//
// A run may meet very many hosts, most of them for the sake of one port, so the record
// is kept small: TestHostsAreSmall holds it to its size.
type host struct {
	addr netip.Addr
	way  *way
	wire.RTO
	losses   losses
	several  *several  // nil while it has one port
	trouble  *trouble  // nil while it has none
	watch    *watch    // nil while the host was never under suspicion
	searched *searched // nil while nobody searches for it
	found    found
	pending  queue // probes that wait to be sent

	expected time.Duration // round trip that it is known by from elsewhere, 0: none
	began    time.Duration // when the first transmission left
	vouched  time.Duration // when the latest of the transmissions left that it answered
	entered  time.Duration // when it got its place in its network

	id           uint32
	flights      int32  // probes without a verdict
	turn         uint32 // of the routes, when its own was looked up
	timed        int32  // answers that RTO has taken in
	left         int32  // transmissions so far
	leftAtAnswer int32  // as of the latest answer
	tally        tally
	persistence  *persistence // what is known of its answers to retransmissions; nil: none came
	silent       byTry        // transmissions that were not answered in time
	firsts       bool         // it answers other than retransmissions
	witness      uint16       // a port that has answered; 0: none has
	untold       uint16       // of its probes, those whose silence is kept back
	asked        uint16       // how often a port that had answered was asked again
	lone         uint16       // the port that answered before the host had another; 0: it waits no more
	resolving    bool         // its link address is being asked for
	queued       bool         // among those that are ready, or asleep
	crowded      bool         // one of a network whose router resolves it, and may resolve few at a time
	placed       bool         // has a place in its network, or had one
	wasOpen      bool         // a port of it was, in an earlier run
}

// several is what is kept of a host beside, once it has more than one port.
type several struct {
	limiter   limiter
	backlog   backlog
	overflow  time.Duration // what left before may have been lost in a queue; 0: nothing was
	accepting wire.Times    // of its SYN-ACKs alone
	early     []early       // answered before it was known how long its answers take
	samples   *samples      // nil while few ports have a verdict
	stays     stays         // see late.go
	refills   uint8         // silent ports that were asked once more: see refill.go
	trips     wire.Trips
	left      time.Duration // when the latest transmission did
	slow      *slowdown     // nil while no limit before it is looked for
}

// trouble is what is kept of a host that few hosts have.
type trouble struct {
	errors losses         // by its ICMP errors
	absent *probe.Verdict // on each of its ports, once it is known that it is not there
	away   time.Duration  // since when its packets find no network; 0: they do
	full   time.Duration  // since when there is no room for them; 0: there is
	stable int            // errors of routers that came again: see transient.go
}

// troubled makes room for it.
func (h *host) troubled() *trouble {
	if h.trouble == nil {
		h.trouble = new(trouble)
	}
	return h.trouble
}

// absent is the verdict on each port of a host that is known not to be there, nil of others.
func (h *host) absent() *probe.Verdict {
	if h.trouble == nil {
		return nil
	}
	return h.trouble.absent
}

// another makes room for what is kept of several ports, before the host gets one more.
func (h *host) another() {
	if h.several == nil && uint32(h.flights)+h.tally.ports > 0 {
		h.several = &several{limiter: limiter{sent: h.left, first: int32(h.losses.answers)}}
	}
}

// accepts takes note of how long a SYN-ACK took.
func (h *host) accepts(took time.Duration) {
	if h.several != nil {
		h.several.accepting.Sample(took)
	}
}

// limiter paces the probes of the host; nil: it has one port alone, of which no limit shows.
func (h *host) limiter() *limiter {
	if h.several == nil {
		return nil
	}
	return &h.several.limiter
}

// busy is how many of its probes are waited for.
func (h *host) busy() int32 { return h.flights - int32(h.untold) }

// key is what the host is found by, see wire.AsCarried.
func (h *host) key() netip.Addr { return wire.AsCarried(h.addr, h.way.link) }

// way is how hosts are reached; those that are reached alike share one.
type way struct {
	source netip.Addr // our address on it
	link   int        // the interface's index
	local  bool       // the hosts are this machine
	routed bool       // they are behind a router
	many   bool       // they are all machines of a network
	flows  bool       // the kernel chooses a next hop, and so a source, for each connection
	err    error      // why they cannot be reached from here

	void *void // when a limit may have dropped what left
}

// void are the times of which silence tells nothing.
type void struct{ gaps []gap }

func (v *void) any() bool { return v != nil && len(v.gaps) > 0 }

func (v *void) has(sent time.Duration) bool {
	return v != nil && slices.ContainsFunc(v.gaps, func(g gap) bool { return sent > g.from && sent < g.to })
}

// MaxIdleHosts bounds how many hosts without a probe in flight are remembered.
const MaxIdleHosts = 1 << 18

// hosts finds the record of an address. Routes are asked of the kernel once
// for each.
type hosts struct {
	net    probe.Network
	met    func(*host, netraw.Route) // told of each new host that has a route
	byAddr map[netip.Addr]*host
	latest [latestHosts]*host // that were found of late, by the end of their addresses; without a zone
	ways   map[way]*way       // those without an error
	next   uint32
	turn   uint32 // how often routes have changed
	moved  bool   // a host was reached from two of our addresses
}

func newHosts(n probe.Network, met func(*host, netraw.Route)) *hosts {
	return &hosts{net: n, met: met, byAddr: map[netip.Addr]*host{}, ways: map[way]*way{}}
}

// latestHosts is how many hosts are found without a look into the map of all: as a network of 256
// addresses has, and a few times as many.
const latestHosts = 1 << 10

// find returns the host of an address that a packet on a link names, nil if
// unknown.
func (t *hosts) find(a netip.Addr, link int) *host {
	k := wire.AsCarried(a, link)
	if k.Zone() != "" {
		return t.byAddr[k]
	}
	known := t.place(k)
	if h := *known; h != nil && h.addr == k {
		return h
	}
	h := t.byAddr[k]
	if h != nil {
		*known = h
	}
	return h
}

// place is the one among the latest hosts for an address without a zone.
func (t *hosts) place(a netip.Addr) **host {
	b := a.As16()
	return &t.latest[(uint(b[14])<<8|uint(b[15]))%latestHosts]
}

// all lists the hosts in the order in which they were met.
func (t *hosts) all() []*host {
	return slices.SortedFunc(maps.Values(t.byAddr), func(a, b *host) int { return cmp.Compare(a.id, b.id) })
}

// get returns the host of an address to be probed.
func (t *hosts) get(a netip.Addr) *host {
	if a.Zone() == "" {
		if h := t.find(a, 0); h != nil {
			return h
		}
	}
	route, err := t.net.Route(a)
	k := wire.AsCarried(a, route.IfIndex)
	if h := t.byAddr[k]; h != nil {
		return h
	}
	h := &host{addr: a, id: t.next, turn: t.turn, way: t.wayOf(route, err)}
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
	w := way{source: route.Source, link: route.IfIndex, local: route.Local, routed: route.NextHop.IsValid(), many: route.Broadcast, flows: route.PerFlow}
	known := t.ways[w]
	if known == nil {
		known = new(way)
		*known = w
		known.void = new(void)
		t.ways[w] = known
	}
	return known
}

// trim forgets a host without a probe in flight where too many are remembered,
// and tells whether it did.
func (t *hosts) trim(h *host) bool {
	if h.flights > 0 || h.queued || len(t.byAddr) <= MaxIdleHosts {
		return false
	}
	delete(t.byAddr, h.key())
	if known := t.place(h.addr); *known == h {
		*known = nil
	}
	return true
}

var _ probe.Polled = (*netraw.Conn)(nil)
