package world

import (
	"math/rand/v2"
	"time"

	"synscope/probe/why"
)

// hostFaults sit at the host.
func hostFaults() []fault {
	return []fault{
		{why.HostDown, hostDown},
		{why.HostNotListening, func(s *Scene, rng *rand.Rand) {
			s.near(rng)
			s.DropsUnused = rng.Float64() < 0.1
			s.Host = when(func(_ *World, p packet) bool { return p.target() && (p.kind == syn || p.kind == fin) }, fromHost(saysRST))
		}},
		{why.HostAcceptQueue, acceptQueue},
		{why.HostAcceptQueueReset, acceptQueueReset},
		{why.HostSYNQueue, func(s *Scene, rng *rand.Rand) {
			s.near(rng)
			s.DropsACKs, s.DropsUnused = false, rng.Float64() < 0.1
			s.Host = when(someOpening(between(rng, 0.25, 0.9)), drop)
		}},
		{why.HostSYNCookies, func(s *Scene, rng *rand.Rand) { s.near(rng); s.Cookies = true }},
		{why.HostFirewall, hostFirewall},
		{why.HostConnectionLimit, func(s *Scene, rng *rand.Rand) {
			s.near(rng)
			most := 2 + rng.IntN(14)
			end := oneOf(rng, dropped, ends(answer{says: saysRST, from: s.far()}), ends(answer{says: saysRejected, from: s.far()}))
			s.Host = when(func(w *World, p packet) bool { return p.opening() && w.held >= most }, always(end))
		}},
		{why.HostTimeWait, func(s *Scene, rng *rand.Rand) {
			s.near(rng)
			s.Host = when(reusing, always(oneOf(rng, dropped, ends(answer{says: saysRST, from: s.far()}))))
		}},
		{why.HostSlow, func(s *Scene, rng *rand.Rand) {
			s.near(rng)
			d, share := time.Duration(between(rng, 1.1, 4)*float64(time.Second)), oneOf(rng, 1, 1, 0.8)
			s.Host = when(func(w *World, p packet) bool { return p.kind == data && w.rng.Float64() < share }, slowly(d))
		}},
	}
}

// slowly is a program that answers after d.
func slowly(d time.Duration) func(*World) fate {
	return func(w *World) fate { return ends(answer{says: saysACK, from: w.far(), slow: d}) }
}

// hostDown: the last router says so at once, or after it asked for the link address in vain.
func hostDown(s *Scene, rng *rand.Rand) {
	share, late := oneOf(rng, 1, 1, 0.5, 0.1), rng.IntN(4) > 0
	if share < 0.5 {
		s.Fact = func(w *World, f why.Fact) bool { return f == why.LateUnreachable && late && w.now > 3*time.Second }
	}
	s.Host = func(w *World, p packet) fate {
		if w.rng.Float64() < share {
			return ends(answer{says: saysUnreachable, from: w.Routers})
		}
		return dropped
	}
}

func hostFirewall(s *Scene, rng *rand.Rand) {
	s.near(rng)
	rejects, all := rng.IntN(2) == 0, rng.IntN(3) == 0
	s.DropsUnused = all
	s.Host = func(w *World, p packet) fate {
		switch {
		case p.kind == echo:
			return passes
		case !all && p.t.Role != why.Target:
			return passes
		case rejects && p.kind == syn:
			return ends(answer{says: saysRejected, from: w.far()})
		}
		return dropped
	}
	if all && !rejects {
		s.DropsEcho = false
	}
}

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

func fullByOthers(p float64) box {
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
func slowAcceptor(rng *rand.Rand, overflow fate) box {
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
		s.Host = when(func(w *World, p2 packet) bool { return p2.kind == third && w.rng.Float64() < p }, fromHost(saysRST))
	}
}
