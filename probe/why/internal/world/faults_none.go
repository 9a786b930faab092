package world

import (
	"math/rand/v2"

	"synscope/probe/why"
)

// noFault is a network with which nothing is wrong.
func noFault() []fault {
	return []fault{
		{why.Healthy, func(s *Scene, rng *rand.Rand) { s.near(rng) }},
	}
}
