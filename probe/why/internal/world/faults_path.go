package world

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"synscope/probe/why"
)

// pathFaults sit at a router, or at a box before the host.
func pathFaults() []fault {
	return []fault{
		{why.PathOneOfSeveral, oneOfSeveral},
		{why.PathLoss, loses},
		{why.PathReturnLoss, func(s *Scene, rng *rand.Rand) {
			p := between(rng, 0.12, 0.8)
			s.Back = func(w *World, _ packet, a answer) bool { return a.from >= w.far() && w.rng.Float64() < p }
		}},
		{why.PathSYNRateLimit, rateLimit},
		{why.PathConntrackFull, func(s *Scene, rng *rand.Rand) {
			p, all := between(rng, 0.2, 0.95), rng.IntN(4) > 0
			s.DropsACKs = s.DropsACKs && all
			s.Box = when(func(w *World, p2 packet) bool {
				return (all || p2.target()) && p2.kind != third && p2.kind != data && w.rng.Float64() < p
			}, drop)
		}},
		{why.PathFirewallDrop, func(s *Scene, rng *rand.Rand) {
			s.DropsUnused = false
			s.Box = when(oneOf(rng, filtered...), drop)
		}},
		{why.PathFirewallReject, rejects},
		{why.PathFirewallReset, func(s *Scene, _ *rand.Rand) { s.DropsUnused, s.Box = false, when(opening, fromBox(saysRST)) }},
		{why.PathInjectedReset, func(s *Scene, rng *rand.Rand) {
			s.Box = when(someOpening(oneOf(rng, 1, 0.9, 0.5)), func(w *World) fate {
				return fate{also: []answer{{says: saysRST, from: w.BoxAt}}}
			})
		}},
		{why.PathProxy, func(s *Scene, rng *rand.Rand) {
			s.Cookies = rng.IntN(2) == 0
			zero := rng.IntN(2) == 0
			s.Box = when(opening, func(w *World) fate { return ends(answer{says: saysSYNACK, from: w.BoxAt, zero: zero}) })
		}},
		{why.PathDropsOption, dropsOption},
		{why.PathDropsECN, func(s *Scene, rng *rand.Rand) { s.Box = byLook(rng, why.ECN, why.AccECN) }},
		{why.PathDropsTOS, func(s *Scene, rng *rand.Rand) {
			s.Box = byLook(rng, oneOf(rng, why.TOS, why.TOS, why.HighTTL))
		}},
		{why.PathMTUBlackHole, blackHole},
		{why.PathIdleTimeout, func(s *Scene, rng *rand.Rand) {
			limit := time.Duration(between(rng, 0.6, 6.5) * float64(time.Second))
			s.Box = when(func(_ *World, p packet) bool { return p.idle >= limit }, oneOf(rng, fromBox(saysRST), drop))
		}},
	}
}

func loses(s *Scene, rng *rand.Rand) {
	p := between(rng, 0.08, 0.5)
	if rng.IntN(3) == 0 {
		s.LossOut += p
		return
	}
	s.LossOut, s.LossBack = s.LossOut+p/2, s.LossBack+p/2
}

// filtered tells which packets a firewall drops.
var filtered = []func(*World, packet) bool{
	func(*World, packet) bool { return true },
	func(_ *World, p packet) bool { return p.target() },
	opening,
	func(_ *World, p packet) bool { return p.target() && p.kind == data },
}

func blackHole(s *Scene, rng *rand.Rand) {
	mtu, way := 600+rng.IntN(800), rng.IntN(3)
	if way != 1 {
		s.Box = when(func(_ *World, p packet) bool { return p.size+40 > mtu }, drop)
	}
	if way > 0 {
		s.BackMTU = mtu
	}
	if way == 1 { // or nobody could tell
		s.Answers = 4000
	}
}

func oneOfSeveral(s *Scene, rng *rand.Rand) {
	paths := oneOf(rng, 2, 3, 4, 6, 8)
	loss := oneOf(rng, 1, 1, 1, 0.6)
	path := func(w *World, flow int) byte { return byte(w.hash(flow) * float64(paths)) }
	s.Branch = path
	s.Box = when(func(w *World, p packet) bool {
		return p.kind != echo && path(w, p.t.Flow) == 0 && w.rng.Float64() < loss
	}, drop)
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
		return fromBox(saysRST)
	}
	return drop
}

func byLook(rng *rand.Rand, hit ...why.Look) box {
	return when(func(_ *World, p packet) bool { return p.opening() && slices.Contains(hit, p.t.Look) }, drops(rng))
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
	s.Box = when(func(_ *World, p packet) bool { return p.opening() && hit(p.t.Look) }, end)
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
