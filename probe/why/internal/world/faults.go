package world

import (
	"math/rand/v2"

	"synscope/probe/why"
)

// fault puts a cause into a scene, with parameters of its own.
type fault struct {
	code why.Code
	make func(s *Scene, rng *rand.Rand)
}

// faults are those of every cause.
func faults() (list []fault) {
	for _, part := range [][]fault{noFault(), localFaults(), pathFaults(), proofFaults(), natFaults(), hostFaults(), backendFaults(), nameFaults()} {
		list = append(list, part...)
	}
	return list
}

func (s *Scene) far() int { return s.Routers + 1 }
