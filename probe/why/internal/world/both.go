package world

import (
	"maps"
	"math/rand/v2"

	"synscope/probe/why"
)

// Both is a network with two faults at once.
func Both(one, other why.Code, seed uint64, loss float64) Scene {
	rng := rand.New(rand.NewPCG(seed, 13))
	base := network(rng, loss)
	base.still = true
	a, b := base, base
	a.Facts, b.Facts = maps.Clone(base.Facts), maps.Clone(base.Facts)
	for _, f := range faults {
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
func after(one, other func(*World, packet) fate) func(*World, packet) fate {
	if one == nil || other == nil {
		if one == nil {
			return other
		}
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
