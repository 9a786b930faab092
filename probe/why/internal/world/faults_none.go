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
				// in TIME_WAIT it answers each SYN of the old connection by an ACK
				s.Host = when(reusing, always(ends(answer{says: saysChallenge, from: s.far()})))
			}
		}},
	}
}
