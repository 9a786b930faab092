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

// counters fits every model of growth: constants, clocks, steps and random steps, under
// every key that the samples can tell from another. A new one is listed here.
func counters(v *view) (list []*standing) {
	list = append(list, stills(v)...)
	for _, key := range v.tupleKeys() {
		list = append(list, increments(v, key)...)
		list = append(list, stepped(v, key)...)
		if v.timed {
			list = append(list, clocks(v, key)...)
		}
	}
	return list
}
