package world

import (
	"math/rand/v2"
	"time"
)

func acceptQueue(s *Scene, rng *rand.Rand) {
	s.near(rng)
	s.DropsACKs, s.DropsUnused = false, rng.Float64() < 0.1
	switch rng.IntN(3) {
	case 0: // nobody accepts: it fills with us
		room := rng.IntN(9)
		s.Host = func(w *World, p packet) fate {
			full := w.completed > room
			if p.kind == third {
				w.ignoring = full
			}
			if p.opening() && full || (p.kind == third || p.kind == data) && w.ignoring {
				return dropped
			}
			return passes
		}
	case 1:
		s.Host = slowAcceptor(rng, dropped)
	default: // full most of the time, by others
		s.Host = fullByOthers(between(rng, 0.3, 0.9))
	}
}

func fullByOthers(p float64) func(*World, packet) fate {
	return func(w *World, p2 packet) fate {
		if p2.opening() && w.rng.Float64() < p {
			return dropped
		}
		if p2.kind == third {
			w.ignoring = w.rng.Float64() < p
		}
		if (p2.kind == third || p2.kind == data) && w.ignoring {
			return dropped
		}
		return passes
	}
}

// slowAcceptor is a program that serves one connection after the other, with a short backlog.
func slowAcceptor(rng *rand.Rand, overflow fate) func(*World, packet) fate {
	room, each := 1+rng.IntN(5), time.Duration(between(rng, 0.4, 2.2)*float64(time.Second))
	waiting, free := 0, time.Duration(0)
	accept := func(now time.Duration) {
		for waiting > 0 && free <= now {
			waiting--
			free += each
		}
	}
	return func(w *World, p packet) fate {
		if !p.target() || p.kind != syn && p.kind != third && p.kind != data {
			return passes
		}
		accept(p.at)
		full := waiting > room
		switch {
		case p.kind == syn && full, p.kind == data && w.ignoring:
			return dropped
		case p.kind == third:
			if w.ignoring = full; full {
				return overflow
			}
			if waiting++; free < p.at {
				free = p.at
			}
			accept(p.at)
		}
		return passes
	}
}

func acceptQueueReset(s *Scene, rng *rand.Rand) {
	s.near(rng)
	switch rng.IntN(3) {
	case 0:
		room := rng.IntN(9)
		s.DropsACKs, s.DropsUnused = false, rng.Float64() < 0.1
		s.Host = func(w *World, p packet) fate {
			switch {
			case p.opening() && w.completed > room:
				return dropped
			case p.kind == third && w.completed > room:
				return ends(answer{says: saysRST, from: w.far()})
			}
			return passes
		}
	case 1:
		s.DropsACKs, s.DropsUnused = false, rng.Float64() < 0.1
		s.Host = slowAcceptor(rng, ends(answer{says: saysRST, from: s.far()}))
	default:
		p := between(rng, 0.4, 1)
		s.Host = func(w *World, p2 packet) fate {
			if p2.kind == third && w.rng.Float64() < p {
				return ends(answer{says: saysRST, from: w.far()})
			}
			return passes
		}
	}
}
