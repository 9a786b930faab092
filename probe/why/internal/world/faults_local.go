package world

import (
	"math/rand/v2"

	"synscope/probe/why"
)

// localFaults sit on this machine.
func localFaults() []fault {
	return []fault{
		{why.LocalNoRoute, func(s *Scene, rng *rand.Rand) { s.Facts[why.NoRoute] = true; s.Local = refuses(1, rng) }},
		{why.LocalSourceAddress, func(s *Scene, rng *rand.Rand) { s.Facts[why.BadSource] = true; s.Local = refuses(1, rng) }},
		{why.LocalFirewall, localFirewall},
		{why.LocalRPFilter, func(s *Scene, rng *rand.Rand) {
			s.Connect2 = func(*World) why.Outcome { return why.Silence }
			s.Fact = func(w *World, f why.Fact) bool { return f == why.ReversePathDrops && w.sent > 0 }
		}},
		{why.LocalPortsExhausted, func(s *Scene, rng *rand.Rand) {
			s.Facts[why.PortsExhausted] = rng.IntN(3) > 0
			s.Connect2 = func(*World) why.Outcome { return why.NoPorts }
		}},
		{why.LocalConntrackFull, func(s *Scene, rng *rand.Rand) {
			s.Facts[why.ConntrackFull] = true
			s.Local = refuses(oneOf(rng, 1, 0.8, 0.5, 0.3), rng)
		}},
		{why.LocalNoNeighbour, func(s *Scene, rng *rand.Rand) {
			if rng.IntN(3) == 0 {
				s.link()
				s.Facts[why.TargetUnresolved] = true
				s.Host = func(*World, packet) fate { return dropped }
				return
			}
			s.Facts[why.GatewayUnresolved] = true
			if rng.IntN(2) == 0 {
				s.Local = refuses(0.5, rng)
			}
			s.BoxAt, s.Box, s.Mute = 1, func(*World, packet) fate { return dropped }, muted(s.Routers)
		}},
		{why.LocalInterface, func(s *Scene, rng *rand.Rand) {
			if rng.IntN(2) == 0 {
				s.Facts[why.InterfaceDown] = true
				s.Local = refuses(1, rng)
				return
			}
			p := between(rng, 0.05, 0.4)
			s.LossOut, s.LossBack = s.LossOut+p, s.LossBack+p
			s.Fact = func(w *World, f why.Fact) bool { return f == why.InterfaceDrops && w.sent > 10 }
		}},
	}
}

// refuses is a kernel that lets a share of the packets not leave.
func refuses(share float64, _ *rand.Rand) box {
	return func(w *World, p packet) fate {
		return fate{refused: w.rng.Float64() < share && (p.kind != third && p.kind != data || share == 1)}
	}
}

func localFirewall(s *Scene, rng *rand.Rand) {
	switch rng.IntN(3) {
	case 0: // what leaves
		s.Local = refuses(1, rng)
	case 1: // what leaves for this port
		s.Local = func(_ *World, p packet) fate { return fate{refused: p.target()} }
	case 2: // answers, which packet sockets see before the firewall does
		s.Connect2 = func(*World) why.Outcome { return why.Silence }
	}
}

func muted(n int) []bool {
	list := make([]bool, n)
	for i := range list {
		list[i] = true
	}
	return list
}
