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

// box decides what becomes of a packet that comes by.
type box func(*World, packet) fate

// when ends the packets that are hit, and passes the others.
func when(hit func(*World, packet) bool, end func(*World) fate) box {
	return func(w *World, p packet) fate {
		if hit(w, p) {
			return end(w)
		}
		return passes
	}
}

// The ends of packets that are hit.

func drop(*World) fate { return dropped }

func always(f fate) func(*World) fate { return func(*World) fate { return f } }

func fromBox(says says) func(*World) fate {
	return func(w *World) fate { return ends(answer{says: says, from: w.BoxAt}) }
}

func fromHost(says says) func(*World) fate {
	return func(w *World) fate { return ends(answer{says: says, from: w.far()}) }
}

// The packets that are hit.

func opening(_ *World, p packet) bool { return p.opening() }

// someOpening are a share of the SYNs to the port in question.
func someOpening(share float64) func(*World, packet) bool {
	return func(w *World, p packet) bool { return p.opening() && w.rng.Float64() < share }
}

// reusing are SYNs of a tuple used before.
func reusing(_ *World, p packet) bool {
	return p.opening() && p.nth == 1 && p.t.Kind == why.Reuse
}
