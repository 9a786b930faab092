package isn

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// detectBackends finds several generators behind one address: parallel lines
// on one tuple, or a few narrow ranges that everybody's numbers fall into.
func detectBackends(v *view) (verdict, bool) {
	if out, ok := parallelLines(v); ok {
		return out, true
	}
	return severalCounters(v)
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
	var best bundle
	rates := bundleRates(group)
	for _, hz := range rates {
		if b := bundleAt(group, hz); b.bits > best.bits {
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

// bundleRates are the rates worth trying: known ones, and those of each pair
// that lies far enough apart to give a good slope.
func bundleRates(group []point) []float64 {
	var rates []float64
	for _, n := range nominals {
		rates = append(rates, n.hz)
	}
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
	gain := 0.0
	for i := 1; i < len(starts); i++ {
		width := starts[i].tolerance + starts[i-1].tolerance
		if starts[i].at-starts[i-1].at > width {
			b.sizes = append(b.sizes, 1)
			continue
		}
		b.sizes[len(b.sizes)-1]++
		b.matches++
		gain += 32 - math.Log2(2*width+1)
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

// rangeGap is the distance that separates two counters' ranges, and
// mostCounters how many are told apart.
const (
	rangeGap     = 1 << 27
	mostCounters = 6
)

// severalCounters finds samples of many tuples that all lie in a few narrow
// ranges and grow in each: so many counters, each of one machine.
func severalCounters(v *view) (verdict, bool) {
	counters := ranges(v.points, rangeGap)
	k := len(counters)
	if k < 2 || k > mostCounters || len(v.tuples) < 3 {
		return verdict{}, false
	}
	var width uint32
	rises, steps := 0, 0
	sizes := make([]int, k)
	for i, c := range counters {
		sizes[i] = len(c)
		width = max(width, spread(c))
		for j := 1; j < len(c); j++ {
			steps++
			if !c[j].x.LessThan(c[j-1].x) {
				rises++
			}
		}
	}
	bits := float64(steps-2)*(32-math.Log2(float64(k)*(float64(width)+1))) + float64(rises)
	if steps < 6 || rises != steps || width == 0 || bits < leastBits {
		return verdict{}, false
	}
	out := verdict{class: ClassMixed, confidence: sure(bits), flags: []string{FlagMultiBackend}}
	out.note("several-backends", Warning, fmt.Sprintf("%d ranges of %v samples, none wider than %d, all growing", k, sizes, width),
		"The numbers come from %d counters: so many machines answer for this address, and each is predictable.", k)
	return out, true
}

// ranges cuts the circle of sequence numbers at gaps wider than gap, and
// returns the points of each range in order of time.
func ranges(points []point, gap uint32) [][]point {
	sorted := slices.Clone(points)
	// Numeric order is only a way round the circle from some place on.
	slices.SortFunc(sorted, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	var out [][]point
	for i, p := range sorted {
		before := sorted[(i+len(sorted)-1)%len(sorted)]
		if i == 0 || uint32(p.x-before.x) > gap {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], p)
	}
	if n := len(out); n > 1 && uint32(sorted[0].x-sorted[len(sorted)-1].x) <= gap {
		out[0] = append(out[n-1], out[0]...)
		out = out[:n-1]
	}
	for _, r := range out {
		slices.SortFunc(r, func(a, b point) int { return cmp.Compare(a.k, b.k) })
	}
	return out
}

// spread is the width of the shortest arc over points that lie within half of
// the circle.
func spread(points []point) uint32 {
	low, high := int32(0), int32(0)
	for _, p := range points {
		d := p.x.Sub(points[0].x)
		low, high = min(low, d), max(high, d)
	}
	return uint32(high) - uint32(low)
}
