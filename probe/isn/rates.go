package isn

import (
	"cmp"
	"math"
	"slices"
)

// rates proposes rates of a clock for groups of points: those that pairs of points
// suggest, refined from short gaps to long ones, and the nominal ones.
func rates(groups [][]point) (list []float64) {
	pairs := pairsOf(groups)
	if len(pairs) == 0 {
		return nil
	}
	for _, c := range candidates(pairs) {
		list = append(list, progress(pairs, c.hz, c.dt))
	}
	for _, n := range nominals {
		list = append(list, n.hz)
	}
	return distinctRates(append(list, fastRates...))
}

// distinctRates drops rates that are no rates and those equal to one before.
func distinctRates(list []float64) (out []float64) {
	for _, hz := range list {
		known := slices.ContainsFunc(out, func(o float64) bool { return math.Abs(o-hz) <= 1e-9*math.Abs(hz) })
		if !known && hz != 0 && math.Abs(hz) <= maxHz {
			out = append(out, hz)
		}
	}
	return out
}

// sortedFrom is the first of the pairs, sorted by gap, with a gap of at least dt.
func sortedFrom(pairs []pair, dt float64) int {
	at, _ := slices.BinarySearchFunc(pairs, dt, func(p pair, dt float64) int { return cmp.Compare(p.dt, dt) })
	return at
}

// fastRates are clocks with a tick of a whole number of nanoseconds. They are too fast for
// a rate to be read from two points, between which they may have wrapped any number of times.
var fastRates = []float64{62.5e6, 100e6, 125e6, 200e6, 250e6, 500e6, 1e9}

// maxHz bounds the rates that are looked for. A faster clock would come round
// more than once a second and resemble nothing that a stack has.
const maxHz = 2e9

// pair is the distance between two points of a group.
type pair struct {
	dt, u float64
	d     int32
}

// pairLags are the distances in a long group at which its pairs are taken; in
// a short one every pair counts.
var pairLags = []int{1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144}

// shortGroup is the length up to which every pair of a group is used.
const shortGroup = 32

// pairsOf collects the pairs of all groups, shortest time first.
func pairsOf(groups [][]point) []pair {
	var pairs []pair
	add := func(a, b point) {
		if dt := b.t - a.t; dt > 0 {
			pairs = append(pairs, pair{dt, a.u + b.u, b.x.Sub(a.x)})
		}
	}
	for _, g := range groups {
		lags := pairLags
		if len(g) <= shortGroup {
			lags = upTo(len(g))
		}
		for _, lag := range lags {
			for i := 0; i+lag < len(g); i++ {
				add(g[i], g[i+lag])
			}
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.dt, b.dt) })
	return pairs
}

// upTo lists 1 … n-1.
func upTo(n int) []int {
	var out []int
	for i := 1; i < n; i++ {
		out = append(out, i)
	}
	return out
}

// candidate is a rate and the gap that it was read from.
type candidate struct{ hz, dt float64 }

// maxCandidates bounds the rates that pairs of short gaps give.
const maxCandidates = 16

// candidates reads rates from pairs whose gap is long beside its uncertainty,
// the shortest first: those wrap least. A difference that is negative as a
// signed number may also be a fast clock's that is more than half way round.
func candidates(pairs []pair) []candidate {
	var out []candidate
	for _, factor := range []float64{6, 2, 0} {
		for _, p := range pairs {
			if len(out) >= maxCandidates {
				return out
			}
			if p.dt < factor*p.u {
				continue
			}
			out = append(out, candidate{float64(p.d) / p.dt, p.dt})
			if p.d < 0 {
				out = append(out, candidate{(float64(p.d) + space) / p.dt, p.dt})
			}
		}
	}
	return out
}

// progress refines a rate: at each stage the pairs of a longer gap are
// unwrapped with the rate of the stage before, and the median of their slopes,
// weighted by gap, is the next rate (Theil–Sen).
func progress(pairs []pair, hz, window float64) float64 {
	longest := pairs[len(pairs)-1].dt
	var slopes []weighted
	for {
		slopes = slopes[:0]
		for i := sortedFrom(pairs, window/8); i < len(pairs); i++ {
			p := &pairs[i]
			if p.dt > window {
				break
			}
			if p.dt < p.u {
				continue
			}
			d := float64(p.d)
			d += space * math.Round((hz*p.dt-d)/space)
			slopes = append(slopes, weighted{d / p.dt, p.dt})
		}
		if len(slopes) > 0 {
			hz = weightedMedian(slopes)
		}
		if window >= longest {
			return hz
		}
		window = min(window*3, longest)
	}
}

// weighted is a value with its weight.
type weighted struct{ v, w float64 }

// weightedMedian returns the value at half of the weight. It sorts its argument.
func weightedMedian(xs []weighted) float64 {
	slices.SortFunc(xs, func(a, b weighted) int { return cmp.Compare(a.v, b.v) })
	var total, sum float64
	for _, x := range xs {
		total += x.w
	}
	for _, x := range xs {
		if sum += x.w; sum >= total/2 {
			return x.v
		}
	}
	return 0
}

// stepping reports whether connections move a number beside time.
type stepping bool

const (
	withoutStep stepping = false
	withStep    stepping = true
)

// refined is the drift after one step of weighted least squares over the points
// on its strands, each strand about its own mean; ok is whether the points tell
// the rate (and the step, where there is one).
func (d drift) refined(v *view, l *ledger, kind stepping) (out drift, ok bool) {
	m := newMeans(v, l, &d)
	var tt, kk, tk, tr, kr float64
	for i := range v.points {
		c := m.of(i)
		if c == nil {
			continue
		}
		p := &v.points[i]
		w, r := m.weight(i), wrap(d.moving(p)-c.ref)-c.r
		t, k := p.t-c.t, d.count(p)-c.k
		tt, kk, tk = tt+w*t*t, kk+w*k*k, tk+w*t*k
		tr, kr = tr+w*t*r, kr+w*k*r
	}
	if kind == withoutStep {
		d.hz += tr / tt
		return d, tt > 0
	}
	det := tt*kk - tk*tk
	if det <= 1e-6*tt*kk {
		return d, false
	}
	d.hz += (tr*kk - kr*tk) / det
	d.step += (kr*tt - tr*tk) / det
	return d, true
}

// means holds the weighted means of each strand's times, counts and residuals.
type means struct {
	v   *view
	l   *ledger
	d   *drift
	all [][]mean
}

type mean struct{ w, t, k, r, ref float64 }

func newMeans(v *view, l *ledger, d *drift) *means {
	m := &means{v, l, d, make([][]mean, len(l.all))}
	for g := range l.all {
		m.all[g] = make([]mean, len(l.all[g]))
		for j := range m.all[g] {
			m.all[g][j].ref = l.all[g][j].center
		}
	}
	for i := range v.points {
		if c := m.of(i); c != nil {
			p, w := &v.points[i], m.weight(i)
			c.w, c.t, c.k, c.r = c.w+w, c.t+w*p.t, c.k+w*d.count(p), c.r+w*wrap(d.moving(p)-c.ref)
		}
	}
	for g := range m.all {
		for j := range m.all[g] {
			c := &m.all[g][j]
			c.t, c.k, c.r = c.t/c.w, c.k/c.w, c.r/c.w
		}
	}
	return m
}

// of is the strand's mean of the point at i, nil for one that stands alone.
func (m *means) of(i int) *mean {
	g, j := m.l.groups.of[i], m.l.strand[i]
	if m.l.fates[i] == repeated || j < 0 || m.l.all[g][j].n < 2 {
		return nil
	}
	return &m.all[g][j]
}

// tail is from which squared distance on, in spreads, a point counts for less.
const tail = 9

// weight is the inverse variance of the point at i, less where it is far off.
func (m *means) weight(i int) float64 {
	p := &m.v.points[i]
	s := m.d.spread(p)
	c := m.of(i)
	z := wrap(m.d.moving(p)-c.ref) / s
	return 1 / ((s*s + 1e-9) * (1 + z*z/tail))
}

// wrap reduces a difference of sequence numbers to the half-open range around
// zero.
func wrap(d float64) float64 {
	return d - space*math.Round(d/space)
}

// space is the number of sequence numbers.
const space = 1 << 32
