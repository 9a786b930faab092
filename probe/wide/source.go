package wide

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// source is how a target is reached: from which of our addresses, and whether
// it is its own next hop. The zero value is no route.
type source struct {
	addr    netip.Addr
	onLink  bool // or behind a next hop of which the run has to be told
	each    bool // the kernel chooses a next hop for each target, and this holds for one
	perFlow bool // and for each of its ports
}

// sources tells from which of our addresses a target is reached. A route
// look-up costs more than a probe, so a run asks at a sample of its targets
// first: where all of a family give one answer, that is taken for all of them.
// Only where they differ is each network of its own, an IPv4 /24 or an IPv6
// /64, asked for.
type sources struct {
	net    probe.Network
	asks   func(netraw.Route) bool // whether a target off the link is asked about, too; nil: none is
	v4, v6 family
	cache  []cachedSource        // of networks, made when first needed
	single map[netip.Addr]source // of targets where a network is not enough
	zones  map[int]string        // by interface, as the plan calls them
	// former are our addresses before routes changed, for targets that have no route any
	// more: one that is away for a moment delays probes, and does not cost them.
	former [2]netip.Addr
}

// family is what is known of one IP version.
type family struct {
	source source // the zero value: no route at all
	mixed  bool   // it depends on the target
	err    error  // why one of the sample has no route
}

// sampled is how many targets are looked at.
const sampled = 256

func newSources(n probe.Network, plan Targets, asks func(netraw.Route) bool) sources {
	s := sources{net: n, asks: asks, zones: map[int]string{}}
	count := plan.Count()
	step := max(1, count/sampled)
	for i := uint64(0); i < count && i/step < sampled; i += step {
		if target := wire.Unmapped(plan.At(i)); target.IsValid() {
			s.sample(target.Addr())
		}
	}
	return s
}

// renewed are the sources of now, where they may be others, and whether all targets of
// an IP version are reached from another of our addresses.
func (s *sources) renewed(plan Targets) (now sources, changed, moved bool) {
	now = newSources(s.net, plan, s.asks)
	for i, f := range []struct{ was, is *family }{{&s.v4, &now.v4}, {&s.v6, &now.v6}} {
		now.former[i] = cmp.Or(f.was.source.addr, s.former[i])
		if !f.is.source.addr.IsValid() && f.was.source.addr.IsValid() {
			*f.is = *f.was
		}
		changed = changed || f.is.mixed || f.is.source != f.was.source
		moved = moved || !f.is.mixed && !f.was.mixed && f.was.source.addr.IsValid() && f.is.source.addr != f.was.source.addr
	}
	return now, changed, moved
}

func (s *sources) family(a netip.Addr) *family {
	if a.Is4() {
		return &s.v4
	}
	return &s.v6
}

// errOtherInterface is why an engine on one interface does not probe a target.
var errOtherInterface = errors.New("its answer would not come in by the interface of this engine: use --engine packet")

// sourceOf is no route where the network would not hear the answer.
func (s *sources) sourceOf(r netraw.Route) source {
	if n, ok := s.net.(interface{ Hears(netraw.Route) bool }); ok && !n.Hears(r) {
		return source{}
	}
	onLink := !r.NextHop.IsValid() && !r.Local && !r.Plain || s.asks != nil && s.asks(r)
	return source{r.Source, onLink, r.NextHops > 1, r.PerFlow}
}

func (s *sources) sample(a netip.Addr) {
	f := s.family(a)
	route, err := wire.RouteTo(s.net, a)
	switch {
	case err != nil:
		f.mixed = f.mixed || f.source.addr.IsValid()
		f.err = err
	case a.Zone() != "": // its interface is a matter of the address
		s.zones[route.IfIndex] = a.Zone()
		f.source, f.mixed = s.sourceOf(route), true
	case !s.sourceOf(route).addr.IsValid():
		f.mixed, f.err = true, fmt.Errorf("%v: %w", a, errOtherInterface)
	case !f.source.addr.IsValid():
		f.source = s.sourceOf(route)
		f.mixed = f.mixed || f.err != nil || f.source.each
	default:
		f.mixed = f.mixed || f.source != s.sourceOf(route)
	}
}

// inZone is an address with the zone in which a packet of it came in, where it
// means nothing without one (RFC 4007 §6).
func (s *sources) inZone(a netip.Addr, ifindex int) netip.Addr {
	if !a.Is6() || !a.IsLinkLocalUnicast() {
		return a
	}
	if zone, ok := s.zones[ifindex]; ok {
		return a.WithZone(zone)
	}
	return s.net.InZone(a, ifindex)
}

// unroutable is why a family without any source has none.
func (s *sources) unroutable() error {
	for _, f := range []family{s.v4, s.v6} {
		if f.err != nil && !f.source.addr.IsValid() {
			return f.err
		}
	}
	return nil
}

// towards is our address for a target; the zero value where it has no route. It
// is for one goroutine; others use a copy.
func (s *sources) towards(a netip.Addr) source {
	f := s.family(a)
	switch {
	case !f.mixed:
		return f.source
	case a.Zone() != "":
		return s.ask(a)
	}
	return s.cached(a)
}

// from is our address for what goes from a port of ours to a target.
func (s *sources) from(port uint16, target netip.AddrPort) source {
	near := s.towards(target.Addr())
	switch {
	case near.perFlow:
		route := netraw.Route{Source: near.addr, PerFlow: true}
		near.addr = wire.RouteFlow(s.net, route, port, target).Source
		return near
	case near.each:
		return s.one(target.Addr())
	}
	return near
}

// mostSingle bounds how many targets are remembered one by one.
const mostSingle = 1 << 16

// one is the answer for one target.
func (s *sources) one(a netip.Addr) source {
	known, ok := s.single[a]
	if !ok {
		if s.single == nil || len(s.single) >= mostSingle {
			s.single = map[netip.Addr]source{}
		}
		known = s.ask(a)
		s.single[a] = known
	}
	return known
}

func (s *sources) ask(a netip.Addr) source {
	route, err := wire.RouteTo(s.net, a)
	switch {
	case err == nil:
		return s.sourceOf(route)
	case wire.NotAHost(err):
		return source{}
	case a.Is4():
		return source{addr: s.former[0]}
	}
	return source{addr: s.former[1]}
}

// cachedSource is the answer for one network.
type cachedSource struct {
	network uint64
	known   bool
	source  source
}

const cachedSources = 1 << 12

func (s *sources) cached(a netip.Addr) source {
	if s.cache == nil {
		s.cache = make([]cachedSource, cachedSources)
	}
	network := networkOf(a)
	c := &s.cache[network*0x9e3779b97f4a7c15>>52]
	if !c.known || c.network != network {
		*c = cachedSource{network, true, s.ask(a)}
	}
	return c.source
}

// networkOf numbers an IPv4 /24 or an IPv6 /64; of the latter some share one
// number with an IPv4 network, in ::/40, which is not in use.
func networkOf(a netip.Addr) uint64 {
	if a.Is4() {
		v4 := a.As4()
		return uint64(binary.BigEndian.Uint32(v4[:]) >> 8)
	}
	v6 := a.As16()
	return binary.BigEndian.Uint64(v6[:8])
}
