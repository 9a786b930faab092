package world

import (
	"math/rand/v2"

	"synscope/probe/why"
)

// natFaults come of several clients, or connections, that share one address.
func natFaults() []fault {
	return []fault{
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
		{why.NATOtherAddress, func(s *Scene, rng *rand.Rand) {
			s.near(rng)
			all, share := rng.IntN(2) == 0, oneOf(rng, 1, 1, 0.5)
			s.DropsACKs = s.DropsACKs || share == 1
			s.Connect2 = func(w *World) why.Outcome {
				if w.rng.Float64() < share*share {
					return why.Silence
				}
				return why.NotMade
			}
			s.Host = when(func(w *World, p packet) bool {
				return (p.opening() || all && p.kind == syn) && p.t.Kind != why.Kernel && w.rng.Float64() < share
			}, fromHost(saysElsewhere))
		}},
	}
}

// paws keeps the newest timestamp, of others behind the same address too.
func paws(s *Scene, rng *rand.Rand) {
	age := func(l why.Look) int { return map[why.Look]int{why.OldTimestamp: -1, why.NewTimestamp: 1}[l] }
	newest := oneOf(rng, 0, 0, 1)
	keeps := rng.IntN(2) == 0
	s.Host = func(w *World, p packet) fate {
		if !p.opening() || !p.t.Look.Timestamps() {
			return passes
		}
		a := age(p.t.Look)
		if a < newest {
			return dropped
		}
		if keeps {
			newest = a
		}
		return passes
	}
}
