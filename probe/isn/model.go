package isn

import (
	"cmp"
	"slices"
)

// model is one explanation of how the numbers come about: which factors an
// offset depends on, and how numbers that share an offset go on.
type model struct {
	class Class
	name  string
	key   factor  // what moves the offset
	moves factor  // what moves the number beside the key
	prior float64 // bits by which it is less likely than others before any sample
	growth

	// propose finds the model again in other samples, nil where it holds for any.
	propose func(*view) *standing

	// The growth itself, where it is one of these.
	drift *drift // of clocks
	steps *steps // of counters
	band  *band  // of random steps between bounds
}

// by is the model with the growth.
func (m model) by(g growth) model {
	m.growth = g
	m.drift, _ = g.(*drift)
	m.steps, _ = g.(*steps)
	m.band, _ = g.(*band)
	return m
}

// standing is how well a model did: the length, in bits, of the shortest
// description of all numbers that it allows, its own parameters included.
type standing struct {
	model
	view   *view // that it was fitted to
	bits   float64
	ledger *ledger // nil for the rivals that are no counters
	found  verdict // what a rival that is no counter reports
}

// fit follows the points under the model.
func (m model) fit(v *view) *standing {
	l := follow(v, m.key, m.fresh())
	return &standing{model: m, view: v, ledger: l, bits: l.total + m.prior + m.cost(v)}
}

// all are the factors that move the numbers under the model.
func (s *standing) all() factor { return s.key | s.moves }

// keys lists the sets of factors out of those given that part the samples
// differently, the coarser first.
func (v *view) keys(sets ...factor) (out []factor) {
	for _, k := range sets {
		same := slices.ContainsFunc(out, func(o factor) bool { return slices.Equal(v.groups(o).of, v.groups(k).of) })
		if !same {
			out = append(out, k)
		}
	}
	return out
}

// tupleKeys are the sets of the factors of the four-tuple.
func (v *view) tupleKeys() []factor { return v.keys(0, byPort, byAddress, byTuple) }

// best sorts standings, the shortest description first.
func best(list []*standing) []*standing {
	slices.SortStableFunc(list, func(a, b *standing) int { return cmp.Compare(a.bits, b.bits) })
	return list
}

// bestOfEach keeps the best standing of each class.
func bestOfEach(list []*standing) (out []*standing) {
	seen := make(map[Class]bool)
	for _, s := range best(list) {
		if !seen[s.class] {
			out = append(out, s)
		}
		seen[s.class] = true
	}
	return out
}

// compare fits every model that is proposed and returns the standings, the best
// first. Proposals come from a part of the samples where there are many; what
// does best there is fitted to all of them.
func compare(whole *view) []*standing {
	part := whole.head(quadratic)
	list := best(counters(part))
	list = best(append(list, rivals(part, list[0].settled(part))...))
	if part != whole {
		list = refit(list, whole)
	}
	for i, s := range list[:min(len(list), mostResolved)] {
		s.resolve(i < mostMixed)
	}
	return best(list)
}

// settledRows and settledBits are how many numbers a counter must explain, and how
// many bits it must save of each, for no generator of 32 bits to be looked for.
const (
	settledRows = 5
	settledBits = 20
)

// settled reports whether the model explains numbers so well that no generator
// which looks random can have made them.
func (s *standing) settled(v *view) bool {
	n := float64(s.ledger.count[joined])
	return n >= settledRows && v.plainBits()-s.bits >= settledBits*n
}

// mostResolved is how many of the best models are asked for several generators.
const mostResolved = 12

// mostMixed is how many of those are asked for a second model among what they leave.
const mostMixed = 3

// leastContenders is how many models are fitted to all samples, where there are
// more than are looked at first, and farBehind how many bits one may then be behind.
const leastContenders = 4

// refit fits the best models again, to all samples. Of each class and key one is
// taken.
func refit(list []*standing, whole *view) (out []*standing) {
	type kind struct {
		class Class
		key   factor
	}
	seen := make(map[kind]bool)
	for _, s := range list {
		k := kind{s.class, s.key}
		if s.ledger == nil || seen[k] || len(out) >= leastContenders {
			continue
		}
		seen[k] = true
		out = append(out, s.again(whole, len(out) == 0))
	}
	return best(append(out, rivalsOf(whole, list)...))
}

// again fits the standing's model to other samples, a clock with its rate refined
// on them where asked to.
func (s *standing) again(v *view, refine bool) *standing {
	if s.propose != nil {
		return s.propose(v)
	}
	if s.drift == nil {
		return s.model.fit(v)
	}
	top := fitClock(v, s.key, *s.drift)
	if !refine {
		return top
	}
	d, ok := top.drift.refined(v, top.ledger, stepping(s.drift.step != 0))
	if !ok || d.hz == 0 {
		return top
	}
	d.roundStep(s.drift.step)
	return best([]*standing{top, fitClock(v, s.key, d)})[0]
}
