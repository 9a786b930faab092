package sample

import (
	"net/netip"
	"time"

	"synscope/probe/internal/wire"
)

const (
	// mostMoves is how often a plan begins anew since the way leads from another address.
	mostMoves = 2
	// wayAge is how long a way is believed on which something was lost.
	wayAge = 100 * time.Millisecond
)

func (s *series) routeFrom(source netip.Addr) {
	s.sources = append([]netip.Addr{source}, s.cfg.further(source)...)
	s.routed = s.Now
}

// follow looks the way to the target up anew. Where it leads from another address of ours, the
// plan begins anew there: numbers may depend on the address.
func (s *series) follow() {
	if s.over || s.res.finished || s.moves == mostMoves || len(s.sources) == 0 {
		return
	}
	route, err := wire.RouteTo(s.Network, s.res.Target.Addr())
	if err != nil || route.NextHops > 1 || route.Source == s.sources[0] {
		return
	}
	s.moves++
	s.routeFrom(route.Source)
	s.silent, s.anew, s.res.kept, s.answered = 0, true, netip.AddrPort{}, netip.AddrPort{}
}

// followLoss does so where something was lost, a while after the last time.
func (s *series) followLoss() {
	if s.Now-s.routed >= wayAge {
		s.routed = s.Now
		s.follow()
	}
}
