package wide

import (
	"encoding/binary"
	"net/netip"

	"synscope/probe"
)

// sources tells from which of our addresses a target is reached. A route
// look-up costs more than a probe, so a run asks at a sample of its targets
// first: where all of a family give one answer, that is taken for all of them.
// Only where they differ is each network of its own, an IPv4 /24 or an IPv6
// /64, asked for.
type sources struct {
	net    probe.Network
	v4, v6 family
	cache  []cachedSource // made when first needed
}

// family is what is known of one IP version.
type family struct {
	source netip.Addr // the zero Addr: no route at all
	mixed  bool       // it depends on the target
	err    error      // why one of the sample has no route
}

// sampled is how many targets are looked at.
const sampled = 256

func newSources(n probe.Network, plan Targets) sources {
	s := sources{net: n}
	count := plan.Count()
	step := max(1, count/sampled)
	for i := uint64(0); i < count && i/step < sampled; i += step {
		s.sample(plan.At(i).Addr())
	}
	return s
}

func (s *sources) family(a netip.Addr) *family {
	if a.Is4() {
		return &s.v4
	}
	return &s.v6
}

func (s *sources) sample(a netip.Addr) {
	f := s.family(a)
	route, err := s.net.Route(a)
	switch {
	case err != nil:
		f.mixed = f.mixed || f.source.IsValid()
		f.err = err
	case !f.source.IsValid():
		f.source, f.mixed = route.Source, f.err != nil
	default:
		f.mixed = f.mixed || f.source != route.Source
	}
}

// unroutable is why a family without any source has none.
func (s *sources) unroutable() error {
	for _, f := range []family{s.v4, s.v6} {
		if f.err != nil && !f.source.IsValid() {
			return f.err
		}
	}
	return nil
}

// towards is our address for a target; ok is false where it has no route. It is
// for one goroutine; others use a copy.
func (s *sources) towards(a netip.Addr) (source netip.Addr, ok bool) {
	f := s.family(a)
	if f.mixed {
		return s.ask(a)
	}
	return f.source, f.source.IsValid()
}

// cachedSource is the answer for one network.
type cachedSource struct {
	network uint64
	known   bool
	source  netip.Addr
}

const cachedSources = 1 << 12

func (s *sources) ask(a netip.Addr) (netip.Addr, bool) {
	if s.cache == nil {
		s.cache = make([]cachedSource, cachedSources)
	}
	network := networkOf(a)
	c := &s.cache[network*0x9e3779b97f4a7c15>>52]
	if !c.known || c.network != network {
		route, err := s.net.Route(a)
		*c = cachedSource{network, true, route.Source}
		if err != nil {
			c.source = netip.Addr{}
		}
	}
	return c.source, c.source.IsValid()
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
