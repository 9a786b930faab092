package world

import (
	"math/rand/v2"
	"time"

	"synscope/probe/why"
)

// backendFaults sit at one of several hosts behind a balancer.
func backendFaults() []fault {
	return []fault{
		{why.BackendDead, func(s *Scene, rng *rand.Rand) {
			backends(s, rng, func(*World, packet) fate { return dropped })
		}},
		{why.BackendRefusing, func(s *Scene, rng *rand.Rand) { backends(s, rng, when(ofKind(syn), fromHost(saysRST))) }},
		{why.BackendSlow, func(s *Scene, rng *rand.Rand) {
			if rng.IntN(2) == 0 { // its program is, and its kernel is not
				d := time.Duration(between(rng, 1.1, 3) * float64(time.Second))
				backends(s, rng, when(ofKind(data), slowly(d)))
				return
			}
			d := time.Duration(between(rng, 0.25, 0.7)*float64(time.Second)) + 3*s.RTT
			backends(s, rng, when(ofKind(syn), func(w *World) fate {
				return ends(answer{says: saysSYNACK, from: w.far(), after: min(d, 750*time.Millisecond)})
			}))
		}},
		{why.BackendFlapping, flapping},
	}
}

func ofKind(k kind) func(*World, packet) bool {
	return func(_ *World, p packet) bool { return p.kind == k }
}

// backends puts a balancer before several hosts, one of which fares as bad says.
// New connections are given out by a hash of the flow, or in any order; while a
// connection is remembered it keeps to its backend.
func backends(s *Scene, rng *rand.Rand, bad box) {
	n := oneOf(rng, 2, 3, 4, 6)
	s.DropsUnused = rng.Float64() < 0.1
	forgets, table := rng.IntN(2) == 0, map[int]bool{}
	s.Host = func(w *World, p packet) fate {
		if !p.target() || p.kind == ackOnly || p.kind == fin {
			return passes
		}
		isBad, known := int(w.hash(p.t.Flow)*float64(n)) == 0, false
		if forgets {
			if isBad, known = table[p.t.Flow]; !known || p.kind == syn && !isBad {
				isBad = w.rng.IntN(n) == 0
			}
			table[p.t.Flow] = isBad
		}
		if !isBad {
			return passes
		}
		f := bad(w, p)
		if len(f.answers) > 0 && p.kind == syn && forgets { // its connection was closed
			delete(table, p.t.Flow)
		}
		return f
	}
}

func flapping(s *Scene, rng *rand.Rand) {
	up, down := between(rng, 0.8, 4), between(rng, 0.8, 3)
	phase := rng.Float64() * (up + down)
	bad := dropped
	switch rng.IntN(3) {
	case 0:
		bad = ends(answer{says: saysRST, from: s.far()})
	case 1:
		bad = ends(answer{says: oneOf(rng, saysUnreachable, saysNoRoute), from: s.Routers})
	}
	all := rng.IntN(2) == 0 // open connections go down with it
	s.Host = func(w *World, p packet) fate {
		if !p.opening() && (!all || p.kind != third && p.kind != data) {
			return passes
		}
		at := phase + p.at.Seconds()
		at -= float64(int(at/(up+down))) * (up + down)
		switch {
		case at < up:
			return passes
		case p.kind != syn:
			return dropped
		}
		return bad
	}
}
