package isn

import (
	"fmt"
	"math"
	"slices"

	"synscope/craft"
)

// detectBackends finds several generators behind one address: parallel lines on
// one tuple, or a counter for everybody among other numbers.
func detectBackends(v *view) (verdict, bool) {
	for _, detect := range []func(*view) (verdict, bool){parallelLines, oneCounter} {
		if out, ok := detect(v); ok {
			return out, true
		}
	}
	return verdict{}, false
}

// mostConstants is how many constants of one tuple are told apart.
const mostConstants = 4

// detectConstants finds tuples that have a few values each, of their own, to
// which they return from others, as no clock does: so many machines, each with a
// hash of the tuple.
func detectConstants(v *view) (verdict, bool) {
	group := richest(v.repeated(6))
	if out, ok := constantAmong(group); ok {
		return out, true
	}
	if out, ok := constantAmong(v.points); ok {
		return out, true
	}
	values := distinct(group)
	again := len(group) - values
	if values < 2 || values > mostConstants || again < 2*values || homecomings(group) < 2 || shared(v) {
		return verdict{}, false
	}
	out := verdict{class: ClassMixed, confidence: sure(8 * float64(again)), inputs: []string{"port"}, flags: []string{FlagMultiBackend}}
	out.note("several-backends", Notice, fmt.Sprintf("%d samples of one tuple took %d values: %s", len(group), values, someValues(group)),
		"One four-tuple has %d numbers that never change, and others have their own: as many machines answer for this address.", values)
	return out, true
}

// constantAmong finds one number again and again among others that never come
// again: one machine answers with a constant, and others do not.
func constantAmong(group []point) (verdict, bool) {
	values := distinct(group)
	again := len(group) - values // all of one value
	x, n := mostCommon(group)
	if again < 3 || n != again+1 || values < 3 || homecomings(group) < 2 {
		return verdict{}, false
	}
	out := verdict{class: ClassMixed, confidence: sure(8 * float64(again)), flags: []string{FlagMultiBackend}}
	out.note("several-backends", Notice, fmt.Sprintf("%d of %d samples are %d, the others differ", n, len(group), x),
		"One number comes again and again among others: at least 2 machines answer for this address, and one of them has a constant.")
	return out, true
}

// mostCommon returns the value that most points have, and how many.
func mostCommon(points []point) (x craft.Seq, n int) {
	count := make(map[craft.Seq]int)
	for _, p := range points {
		if count[p.x]++; count[p.x] > n {
			x, n = p.x, count[p.x]
		}
	}
	return x, n
}

// homecomings counts the points that take a former value after another one.
func homecomings(group []point) (n int) {
	seen := make(map[craft.Seq]bool)
	for i, p := range group {
		if seen[p.x] && group[i-1].x != p.x {
			n++
		}
		seen[p.x] = true
	}
	return n
}

// shared reports whether two tuples got one number.
func shared(v *view) bool {
	owner := make(map[craft.Seq]int, len(v.points))
	for _, p := range v.points {
		if of, seen := owner[p.x]; seen && of != p.tuple {
			return true
		}
		owner[p.x] = p.tuple
	}
	return false
}

// bundle is a set of parallel lines over one group of points.
type bundle struct {
	hz      float64
	sizes   []int // of the clusters, largest first
	matches int   // points beyond the first of their cluster
	bits    float64
}

// held is how many points are in clusters of at least two.
func (b *bundle) held() (lines, points int) {
	for _, n := range b.sizes {
		if n >= 2 {
			lines++
			points += n
		}
	}
	return lines, points
}

// parallelLines looks for a rate under which one tuple's points fall onto a
// few lines.
func parallelLines(v *view) (verdict, bool) {
	if !v.timed {
		return verdict{}, false
	}
	group := richest(v.repeated(6))
	group = group[:min(len(group), 2*shortGroup)]
	if len(group) == 0 {
		return verdict{}, false
	}
	moving := onceEach(group) // a number that stands still is on no line
	var best bundle
	rates := bundleRates(moving)
	for _, hz := range rates {
		if b := bundleAt(moving, hz); b.bits > best.bits {
			best = b
		}
	}
	best.bits -= math.Log2(float64(len(rates)) + 1)
	lines, points := best.held()
	if best.bits < leastBits || best.sizes[0] < 3 {
		return verdict{}, false
	}
	if lines < 2 && len(group)-points < 2 {
		return verdict{}, false
	}
	out := verdict{class: ClassMixed, confidence: sure(best.bits - 12), inputs: []string{"time"}, flags: []string{FlagMultiBackend}}
	out.note("several-backends", Notice, fmt.Sprintf("%d samples of one tuple on lines of %v, %.6g counts a second, %.0f bits against chance", len(group), best.sizes, best.hz, best.bits),
		"One four-tuple has several lines: at least %d machines answer for this address.", max(lines, 2))
	return out, true
}

// onceEach returns the first point of each value.
func onceEach(group []point) (out []point) {
	seen := make(map[craft.Seq]bool)
	for _, p := range group {
		if !seen[p.x] {
			out = append(out, p)
		}
		seen[p.x] = true
	}
	return out
}

// richest returns the largest group.
func richest(groups [][]point) []point {
	var out []point
	for _, g := range groups {
		if len(g) > len(out) {
			out = g
		}
	}
	return out
}

// fastRates are clocks of a whole number of nanoseconds, too fast for a rate to
// be read from two points of which nobody knows how often they went round.
var fastRates = []float64{62.5e6, 100e6, 125e6, 200e6, 250e6, 500e6, 1e9}

// bundleRates are the rates worth trying: known ones, and those of each pair
// that lies far enough apart to give a good slope.
func bundleRates(group []point) []float64 {
	var rates []float64
	for _, n := range nominals {
		rates = append(rates, n.hz)
	}
	rates = append(rates, fastRates...)
	span := group[len(group)-1].t - group[0].t
	for i := range group {
		for j := range i {
			dt, d := group[i].t-group[j].t, group[i].x.Sub(group[j].x)
			if dt > span/3 && d > 0 && float64(d)/dt < 1e8 {
				rates = append(rates, float64(d)/dt)
			}
		}
	}
	return rates[:min(len(rates), 400)]
}

// skewAllowance is how far a host's clock may be from its nominal rate.
const skewAllowance = 1e-4

// bundleAt sorts the points by where their line of this rate begins, and cuts
// where two neighbours are further apart than both are uncertain.
func bundleAt(group []point, hz float64) bundle {
	type start struct{ at, tolerance float64 }
	starts := make([]start, len(group))
	skew := skewAllowance * hz * (group[len(group)-1].t - group[0].t) / 2
	for i := range group {
		d := float64(group[i].x.Sub(group[0].x)) - hz*(group[i].t-group[0].t)
		starts[i] = start{math.Mod(math.Mod(d, space)+space, space), 1.25*hz*group[i].u + skew + 1}
	}
	slices.SortFunc(starts, func(a, b start) int { return int(math.Copysign(1, a.at-b.at)) })
	b := bundle{hz: hz, sizes: []int{1}}
	gain, room := 0.0, math.Log2(arc(group))
	for i := 1; i < len(starts); i++ {
		width := starts[i].tolerance + starts[i-1].tolerance
		if starts[i].at-starts[i-1].at > width {
			b.sizes = append(b.sizes, 1)
			continue
		}
		b.sizes[len(b.sizes)-1]++
		b.matches++
		gain += room - math.Log2(2*width+1)
	}
	slices.Sort(b.sizes)
	slices.Reverse(b.sizes)
	if b.matches > 1 {
		each := gain/float64(b.matches) - math.Log2(float64(len(group)))
		b.bits = each * float64(b.matches-1)
	}
	return b
}

// leastBits is the evidence below which several generators are not believed.
const leastBits = 28
