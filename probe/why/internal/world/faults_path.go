package world

import (
	"math"
	"math/rand/v2"
	"time"

	"synscope/probe/why"
)

// pathFaults sit at a router, or at a box before the host.
func pathFaults() []fault {
	return []fault{
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
	}
}

func oneOfSeveral(s *Scene, rng *rand.Rand) {
	paths := oneOf(rng, 2, 3, 4, 6, 8)
	loss := oneOf(rng, 1, 1, 1, 0.6)
	path := func(w *World, flow int) byte { return byte(w.hash(flow) * float64(paths)) }
	s.Branch = path
	s.Box = func(w *World, p packet) fate {
		if p.kind != echo && path(w, p.t.Flow) == 0 && w.rng.Float64() < loss {
			return dropped
		}
		return passes
	}
}

func rateLimit(s *Scene, rng *rand.Rand) {
	rate, burst, any := math.Exp(between(rng, 0.4, 3.6)), float64(1+rng.IntN(18)), rng.IntN(2) == 0
	switch rng.IntN(5) {
	case 0: // of minutes
		rate, burst, any = between(rng, 0.05, 1), burst+2, false
	case 1: // a ban
		rate, burst, any = 0, burst+3, false
	}
	tokens, last := burst, time.Duration(0)
	s.Box = func(w *World, p packet) fate {
		if p.kind != syn || !any && !p.opening() {
			return passes
		}
		tokens = min(burst, tokens+rate*(p.at-last).Seconds())
		last = p.at
		if tokens < 1 {
			return dropped
		}
		tokens--
		return passes
	}
}

// drops ends SYNs silently or with a reset.
func drops(rng *rand.Rand) func(w *World) fate {
	if rng.IntN(3) == 0 {
		return func(w *World) fate { return ends(answer{says: saysRST, from: w.BoxAt}) }
	}
	return func(*World) fate { return dropped }
}

func byLook(rng *rand.Rand, hit ...why.Look) func(*World, packet) fate {
	end := drops(rng)
	return func(w *World, p packet) fate {
		for _, l := range hit {
			if p.opening() && p.t.Look == l {
				return end(w)
			}
		}
		return passes
	}
}

// carries tells which looks carry an option.
var carries = []func(why.Look) bool{
	why.Look.Timestamps,
	func(l why.Look) bool { return l != why.Bare && l != why.MSSOnly && l != why.NoSACK },
	func(l why.Look) bool { return l != why.Bare && l != why.MSSOnly && l != why.NoScale },
	func(l why.Look) bool { return l == why.FastOpen },
	func(l why.Look) bool { return l == why.MPTCP },
	func(l why.Look) bool { return l == why.Unassigned },
	func(l why.Look) bool { return l == why.FastOpen || l == why.MPTCP || l == why.Unassigned },
}

func dropsOption(s *Scene, rng *rand.Rand) {
	hit, end := oneOf(rng, carries...), drops(rng)
	s.Box = func(w *World, p packet) fate {
		if p.opening() && hit(p.t.Look) {
			return end(w)
		}
		return passes
	}
}

// rejects: a router does not let it pass, has no way to the host, or one in a circle.
func rejects(s *Scene, rng *rand.Rand) {
	share := oneOf(rng, 1, 1, 0.7, 0.4)
	switch rng.IntN(4) {
	case 0:
		s.circle(share)
	case 1:
		s.unrouted(share, oneOf(rng, saysUnreachable, saysNoRoute))
	default:
		all := rng.IntN(2) == 0
		s.Box = func(w *World, p packet) fate {
			switch {
			case !all && !p.opening():
				return passes
			case w.rng.Float64() > share:
				return dropped
			}
			return ends(answer{says: saysProhibited, from: w.BoxAt})
		}
	}
}

// unrouted is a router that looks for a route before it looks at the TTL, as Linux does.
func (s *Scene) unrouted(share float64, word says) {
	s.BoxFirst, s.Mute[s.BoxAt-1] = true, false
	s.Box = func(w *World, _ packet) fate {
		if w.rng.Float64() > share {
			return dropped
		}
		return ends(answer{says: word, from: w.BoxAt})
	}
}

// circle lets two routers send everything to each other.
func (s *Scene) circle(share float64) {
	s.Mute[s.BoxAt-1], s.Mute[s.BoxAt] = false, false
	s.Box = func(w *World, p packet) fate {
		if w.rng.Float64() > share {
			return dropped
		}
		return ends(answer{says: saysExceeded, from: w.BoxAt + (p.ttl-w.BoxAt)%2})
	}
}
