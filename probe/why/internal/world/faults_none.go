package world

import (
	"math/rand/v2"

	"synscope/probe/why"
)

// noFault is a network with which nothing is wrong.
func noFault() []fault {
	return []fault{
		{why.Healthy, func(s *Scene, rng *rand.Rand) {
			s.near(rng)
			if rng.IntN(6) == 0 {
				s.Host = challengesReuse(s)
			}
		}},
	}
}

// challengesReuse is a host in TIME_WAIT that answers each SYN of the old connection by an ACK.
func challengesReuse(s *Scene) func(*World, packet) fate {
	return func(_ *World, p packet) fate {
		if p.opening() && p.nth == 1 && p.t.Kind == why.Reuse {
			return ends(answer{says: saysChallenge, from: s.far()})
		}
		return passes
	}
}
