package world

import (
	"maps"
	"math/rand/v2"
	"time"

	"synscope/probe/why"
)

// Networks that are not in the list of faults: two faults at once, and what is hard to tell.

// Both is a network with two faults at once.
func Both(one, other why.Code, seed uint64, loss float64) Scene {
	rng := rand.New(rand.NewPCG(seed, 13))
	base := network(rng, loss)
	base.still = true
	a, b := base, base
	a.Facts, b.Facts = maps.Clone(base.Facts), maps.Clone(base.Facts)
	for _, f := range faults() {
		if f.code == one {
			f.make(&a, rng)
		}
		if f.code == other {
			f.make(&b, rng)
		}
	}
	return a.with(&b)
}

// with adds another scene's fault; packets meet the own one first.
func (s Scene) with(o *Scene) Scene {
	maps.Copy(s.Facts, o.Facts)
	s.LossOut, s.LossBack = max(s.LossOut, o.LossOut), max(s.LossBack, o.LossBack)
	s.Cookies = s.Cookies || o.Cookies
	if s.Box == nil {
		s.BoxAt = o.BoxAt
	}
	s.Local, s.Box, s.Host = after(s.Local, o.Local), after(s.Box, o.Box), after(s.Host, o.Host)
	if s.Back == nil {
		s.Back = o.Back
	}
	if s.Branch == nil {
		s.Branch = o.Branch
	}
	if s.Fact == nil {
		s.Fact = o.Fact
	}
	if s.Connect2 == nil {
		s.Connect2 = o.Connect2
	}
	return s
}

// after asks one box, and of what passes it another.
func after(one, other box) box {
	switch {
	case one == nil:
		return other
	case other == nil:
		return one
	}
	return func(w *World, p packet) fate {
		f := one(w, p)
		if f.ends || f.refused {
			return f
		}
		g := other(w, p)
		g.also = append(f.also, g.also...)
		return g
	}
}

// Overruled is a healthy network on which a router sends an ICMP error for every SYN, and
// passes it on.
func Overruled(seed uint64) Scene {
	s := network(rand.New(rand.NewPCG(seed, 17)), 0)
	s.Box = when(opening, func(w *World) fate { return fate{also: []answer{{says: saysUnreachable, from: w.BoxAt}}} })
	return s
}

// ACKs are how a balancer treats ACKs of no connection.
type ACKs uint8

const (
	ACKsPass  ACKs = iota // to a host that lives
	ACKsDrawn             // given out like SYNs
)

// DrawsBySYN is a balancer that gives out each SYN anew, of whose n hosts one is dead.
func DrawsBySYN(n int, acks ACKs, seed uint64) Scene {
	rng := rand.New(rand.NewPCG(seed, 19))
	s := network(rng, 0)
	s.DropsUnused, s.DropsACKs = false, false
	s.Host = when(func(w *World, p packet) bool {
		drawn := p.opening() || acks == ACKsDrawn && p.target() && p.kind == ackOnly
		return drawn && w.rng.IntN(n) == 0
	}, drop)
	return s
}

// FewSlow is a host of whose programs' answers a share comes late.
func FewSlow(share float64, seed uint64) Scene {
	s := network(rand.New(rand.NewPCG(seed, 23)), 0)
	slow := map[int]bool{}
	s.Host = func(w *World, p packet) fate {
		if p.kind == third {
			slow[p.t.Flow] = w.rng.Float64() < share
		}
		if p.kind == data && slow[p.t.Flow] {
			return ends(answer{says: saysACK, from: w.far(), slow: 1500 * time.Millisecond})
		}
		return passes
	}
	return s
}
