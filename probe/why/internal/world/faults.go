package world

import (
	"math/rand/v2"
	"time"

	"synscope/probe/why"
)

type fault struct {
	code why.Code
	make func(s *Scene, rng *rand.Rand)
}

// faults put each cause into a scene, with parameters of their own.
var faults = []fault{
	{why.Healthy, func(s *Scene, rng *rand.Rand) { s.near(rng) }},
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

	{why.PathOneOfSeveral, oneOfSeveral},
	{why.PathLoss, func(s *Scene, rng *rand.Rand) {
		p := between(rng, 0.08, 0.5)
		switch rng.IntN(3) {
		case 0:
			s.LossOut += p
		default:
			s.LossOut, s.LossBack = s.LossOut+p/2, s.LossBack+p/2
		}
	}},
	{why.PathReturnLoss, func(s *Scene, rng *rand.Rand) {
		p := between(rng, 0.12, 0.8)
		s.Back = func(w *World, _ packet, a answer) bool { return a.from >= w.far() && w.rng.Float64() < p }
	}},
	{why.PathSYNRateLimit, rateLimit},
	{why.PathConntrackFull, func(s *Scene, rng *rand.Rand) {
		p, all := between(rng, 0.2, 0.95), rng.IntN(4) > 0
		s.DropsACKs = s.DropsACKs && all
		s.Box = func(w *World, p2 packet) fate {
			if (all || p2.target()) && p2.kind != third && p2.kind != data && w.rng.Float64() < p {
				return dropped
			}
			return passes
		}
	}},
	{why.PathFirewallDrop, func(s *Scene, rng *rand.Rand) {
		which := rng.IntN(4)
		s.DropsUnused = false
		s.Box = func(_ *World, p packet) fate {
			if which == 3 && p.kind == data && p.target() {
				return dropped
			}
			if which == 0 || p.target() && (which == 1 || which == 2 && p.kind == syn) {
				return dropped
			}
			return passes
		}
	}},
	{why.PathFirewallReject, rejects},
	{why.PathFirewallReset, func(s *Scene, rng *rand.Rand) {
		s.DropsUnused = false
		s.Box = func(w *World, p packet) fate {
			if p.opening() {
				return ends(answer{says: saysRST, from: w.BoxAt})
			}
			return passes
		}
	}},
	{why.PathInjectedReset, func(s *Scene, rng *rand.Rand) {
		p := oneOf(rng, 1, 0.9, 0.5)
		s.Box = func(w *World, p2 packet) fate {
			if p2.opening() && w.rng.Float64() < p {
				return fate{also: []answer{{says: saysRST, from: w.BoxAt}}}
			}
			return passes
		}
	}},
	{why.PathProxy, func(s *Scene, rng *rand.Rand) {
		s.Cookies = rng.IntN(2) == 0
		zero := rng.IntN(2) == 0
		s.Box = func(w *World, p packet) fate {
			if p.opening() {
				return ends(answer{says: saysSYNACK, from: w.BoxAt, zero: zero})
			}
			return passes
		}
	}},
	{why.PathDropsOption, dropsOption},
	{why.PathDropsECN, func(s *Scene, rng *rand.Rand) { s.Box = byLook(rng, why.ECN, why.AccECN) }},
	{why.PathDropsTOS, func(s *Scene, rng *rand.Rand) {
		s.Box = byLook(rng, oneOf(rng, why.TOS, why.TOS, why.HighTTL))
	}},
	{why.PathMTUBlackHole, func(s *Scene, rng *rand.Rand) {
		mtu, way := 600+rng.IntN(800), rng.IntN(3)
		if way != 1 {
			s.Box = func(_ *World, p packet) fate {
				if p.size+40 > mtu {
					return dropped
				}
				return passes
			}
		}
		if way > 0 {
			s.BackMTU = mtu
		}
		if way == 1 { // or nobody could tell
			s.Answers = 4000
		}
	}},
	{why.PathIdleTimeout, func(s *Scene, rng *rand.Rand) {
		limit, resets := time.Duration(between(rng, 0.6, 6.5)*float64(time.Second)), rng.IntN(2) == 0
		s.Box = func(w *World, p packet) fate {
			switch {
			case p.idle < limit:
				return passes
			case resets:
				return ends(answer{says: saysRST, from: w.BoxAt})
			}
			return dropped
		}
	}},
	{why.NATPAWS, paws},
	{why.NATOldConnection, func(s *Scene, rng *rand.Rand) {
		p := between(rng, 0.15, 0.9)
		met := map[int]bool{}
		s.Host = func(w *World, p2 packet) fate {
			if p2.opening() && w.hash(p2.t.Flow) < p && !met[p2.t.Flow] {
				met[p2.t.Flow] = true
				return ends(answer{says: saysChallenge, from: w.far()})
			}
			return passes
		}
	}},

	{why.HostDown, hostDown},
	{why.HostNotListening, func(s *Scene, rng *rand.Rand) {
		s.near(rng)
		s.DropsUnused = rng.Float64() < 0.1
		s.Host = func(w *World, p packet) fate {
			if p.target() && (p.kind == syn || p.kind == fin) {
				return ends(answer{says: saysRST, from: w.far()})
			}
			return passes
		}
	}},
	{why.HostAcceptQueue, acceptQueue},
	{why.HostAcceptQueueReset, acceptQueueReset},
	{why.HostSYNQueue, func(s *Scene, rng *rand.Rand) {
		s.near(rng)
		s.DropsACKs, s.DropsUnused = false, rng.Float64() < 0.1
		p := between(rng, 0.25, 0.9)
		s.Host = func(w *World, p2 packet) fate {
			if p2.opening() && w.rng.Float64() < p {
				return dropped
			}
			return passes
		}
	}},
	{why.HostSYNCookies, func(s *Scene, rng *rand.Rand) { s.near(rng); s.Cookies = true }},
	{why.HostFirewall, hostFirewall},
	{why.HostConnectionLimit, func(s *Scene, rng *rand.Rand) {
		s.near(rng)
		most := 2 + rng.IntN(14)
		end := oneOf(rng, dropped, ends(answer{says: saysRST, from: s.far()}), ends(answer{says: saysRejected, from: s.far()}))
		s.Host = func(w *World, p packet) fate {
			if p.opening() && w.held >= most {
				return end
			}
			return passes
		}
	}},
	{why.HostTimeWait, func(s *Scene, rng *rand.Rand) {
		s.near(rng)
		end := oneOf(rng, dropped, ends(answer{says: saysChallenge, from: s.far()}), ends(answer{says: saysRST, from: s.far()}))
		s.Host = func(w *World, p packet) fate {
			if p.opening() && p.nth == 1 && p.t.Kind == why.Reuse {
				return end
			}
			return passes
		}
	}},
	{why.HostSlow, func(s *Scene, rng *rand.Rand) {
		s.near(rng)
		d, share := time.Duration(between(rng, 1.1, 4)*float64(time.Second)), oneOf(rng, 1, 1, 0.8)
		s.Host = func(w *World, p packet) fate {
			if p.kind == data && w.rng.Float64() < share {
				return ends(answer{says: saysACK, from: w.far(), slow: d})
			}
			return passes
		}
	}},

	{why.BackendDead, func(s *Scene, rng *rand.Rand) {
		backends(s, rng, func(*World, packet) fate { return dropped })
	}},
	{why.BackendRefusing, func(s *Scene, rng *rand.Rand) {
		backends(s, rng, func(w *World, p packet) fate {
			if p.kind == syn {
				return ends(answer{says: saysRST, from: w.far()})
			}
			return passes
		})
	}},
	{why.BackendSlow, func(s *Scene, rng *rand.Rand) {
		if rng.IntN(2) == 0 { // its program is, and its kernel is not
			d := time.Duration(between(rng, 1.1, 3) * float64(time.Second))
			backends(s, rng, func(w *World, p packet) fate {
				if p.kind == data {
					return ends(answer{says: saysACK, from: w.far(), slow: d})
				}
				return passes
			})
			return
		}
		d := time.Duration(between(rng, 0.25, 0.7)*float64(time.Second)) + 3*s.RTT
		backends(s, rng, func(w *World, p packet) fate {
			if p.kind == syn {
				return ends(answer{says: saysSYNACK, from: w.far(), after: min(d, 750*time.Millisecond)})
			}
			return passes
		})
	}},
	{why.BackendFlapping, flapping},

	{why.NameDeadAddress, func(s *Scene, rng *rand.Rand) { names(s, rng, false) }},
	{why.NameIPv6Broken, func(s *Scene, rng *rand.Rand) { names(s, rng, true) }},
}

func (s *Scene) far() int { return s.Routers + 1 }

func muted(n int) []bool {
	list := make([]bool, n)
	for i := range list {
		list[i] = true
	}
	return list
}
