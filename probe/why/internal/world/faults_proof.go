package world

import (
	"math/rand/v2"
	"time"

	"synscope/probe/why"
)

// proofFaults are boxes that let in only who has shown to be a real client.
func proofFaults() []fault {
	return []fault{
		{why.PathSYNProof, func(s *Scene, rng *rand.Rand) {
			switch rng.IntN(3) {
			case 0:
				s.Box = firstDropped(rng)
			case 1:
				s.Box = wrongFirst(rng)
			default:
				s.Box = resetFirst()
			}
		}},
	}
}

// firstDropped passes a SYN that comes once more, not too soon.
func firstDropped(rng *rand.Rand) box {
	seen, all := map[int]time.Duration{}, rng.IntN(2) == 0
	return func(w *World, p packet) fate {
		if p.kind != syn || !all && !p.opening() {
			return passes
		}
		at, known := seen[p.t.Flow]
		if !known {
			seen[p.t.Flow] = p.at
			return dropped
		}
		if p.at-at < 200*time.Millisecond && p.t.Kind != why.Kernel {
			return dropped
		}
		return passes
	}
}

// wrongFirst answers with a wrong number until that was reset.
func wrongFirst(rng *rand.Rand) box {
	reset, whole := map[int]time.Duration{}, rng.IntN(2) == 0
	return func(w *World, p packet) fate {
		if !p.opening() {
			return passes
		}
		key := p.t.Flow
		if whole {
			key = 0
		}
		if at, known := reset[key]; known && (p.at > at || p.t.Kind == why.Kernel) {
			return passes
		}
		if _, known := reset[key]; !known {
			reset[key] = p.at + w.RTT
		}
		return ends(answer{says: saysWrong, from: w.BoxAt})
	}
}

// resetFirst resets the first connections of a source.
func resetFirst() box {
	proven, theirs := time.Duration(0), map[int]bool{}
	return func(w *World, p packet) fate {
		switch {
		case p.opening() && (proven == 0 || p.at < proven):
			theirs[p.t.Flow] = true
			return ends(answer{says: saysSYNACK, from: w.far()})
		case p.kind == third && theirs[p.t.Flow]:
			if proven == 0 {
				proven = p.at + w.RTT/2
			}
			return ends(answer{says: saysRST, from: w.far()})
		}
		delete(theirs, p.t.Flow)
		return passes
	}
}
