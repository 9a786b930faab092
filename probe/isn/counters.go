package isn

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// rangeGaps are the distances tried that may separate two counters' ranges, and
// mostCounters is how many are told apart.
var rangeGaps = []uint32{1 << 27, 1 << 24, 1 << 21, 1 << 18}

const mostCounters = 6

// detectCounters finds samples of many tuples that all lie in a few narrow
// ranges and grow in each: so many counters, each of one machine.
func detectCounters(v *view) (verdict, bool) {
	if len(v.tuples) < 3 {
		return verdict{}, false
	}
	var best counters
	for _, gap := range rangeGaps {
		if c := countersIn(ranges(v.points, gap)); c.bits > best.bits {
			best = c
		}
	}
	best.bits -= math.Log2(float64(len(rangeGaps)))
	if best.bits < leastBits {
		return verdict{}, false
	}
	out := verdict{class: ClassMixed, confidence: sure(best.bits), flags: []string{FlagMultiBackend}}
	out.note("several-backends", Warning, fmt.Sprintf("%d ranges of %v samples, none wider than %d, all growing", len(best.sizes), best.sizes, best.width),
		"The numbers come from %d counters: so many machines answer for this address, and each is predictable.", len(best.sizes))
	return out, true
}

// counters is a set of ranges in which the numbers grow.
type counters struct {
	sizes []int
	width uint32  // of the widest range
	bits  float64 // 0 where they are no counters
}

// leastMoves is how often the counters must have been seen to move.
const leastMoves = 6

// countersIn weighs ranges: each further tuple whose numbers lie inside of a range,
// in order of time, is so much more than chance. What one tuple does alone proves
// nothing, for it may have a clock or counter of its own.
func countersIn(list [][]point) (c counters) {
	if len(list) < 2 || len(list) > mostCounters || byAddressAlone(list) {
		return c
	}
	moves, joined := 0, 0
	for _, r := range list {
		joined += tuplesIn(r) - 1
		c.sizes = append(c.sizes, len(r))
		c.width = max(c.width, spread(r))
		for i := 1; i < len(r); i++ {
			if r[i].x.LessThan(r[i-1].x) {
				return counters{}
			}
			if r[i].x != r[i-1].x {
				moves++
			}
		}
	}
	if moves < leastMoves || c.width == 0 {
		return counters{}
	}
	each := 32 - math.Log2(float64(len(list))*(float64(c.width)+1))
	c.bits = float64(joined-1) * each
	return c
}

// byAddressAlone reports whether several addresses of ours share no range: then
// a hash of the address made the ranges.
func byAddressAlone(list [][]point) bool {
	all := make(map[netip.Addr]bool)
	for _, r := range list {
		for _, p := range r {
			if p.sample.Src != r[0].sample.Src {
				return false
			}
		}
		all[r[0].sample.Src] = true
	}
	return len(all) > 1
}

// tuplesIn counts the tuples of the points.
func tuplesIn(points []point) int {
	seen := make(map[int]bool)
	for _, p := range points {
		seen[p.tuple] = true
	}
	return len(seen)
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

// arc is the width of the shortest arc that holds all the points: the circle
// less its widest gap.
func arc(points []point) float64 {
	xs := make([]uint32, len(points))
	for i := range points {
		xs[i] = uint32(points[i].x)
	}
	slices.Sort(xs)
	widest := xs[0] - xs[len(xs)-1]
	for i := 1; i < len(xs); i++ {
		widest = max(widest, xs[i]-xs[i-1])
	}
	if widest == 0 {
		return 1 // one value
	}
	return space - float64(widest) + 1
}

// leastHeld and leastTuples are how many samples one counter must have given
// among others, and on how many tuples.
const (
	leastHeld   = 5
	leastTuples = 4
)

// oneCounter finds a counter for everybody that gave some of the numbers while
// others came from elsewhere: a narrow range, on several tuples, that only grows.
func oneCounter(v *view) (verdict, bool) {
	points := slices.Clone(v.points[:min(len(v.points), 2*shortGroup)])
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	n, best, bits, room := len(points), []point(nil), 0.0, math.Log2(arc(points))
	for i := range points {
		for m := leastHeld; m <= n-2; m++ {
			held := window(points, i, m)
			if uint32(held[m-1].x-held[0].x) > rangeGaps[0] {
				break
			}
			if b := windowBits(held, n, room); b > bits {
				best, bits = held, b
			}
		}
	}
	if bits < leastBits {
		return verdict{}, false
	}
	out := verdict{class: ClassMixed, confidence: sure(bits - 8), flags: []string{FlagMultiBackend}}
	out.note("several-backends", Notice, fmt.Sprintf("%d of %d samples lie within %d of each other and only grow, %.0f bits against chance", len(best), n, spread(best), bits),
		"Some numbers come from one counter for everybody, the others from elsewhere: at least 2 machines answer for this address.")
	return out, true
}

// window returns m points in numeric order round the circle, from the i-th on.
func window(sorted []point, i, m int) []point {
	out := make([]point, m)
	for j := range out {
		out[j] = sorted[(i+j)%len(sorted)]
	}
	return out
}

// windowBits is log2 of how unlikely it is that the held ones of n random numbers
// of so many bits lie so close and in order of time; 0 where they are not a counter's.
func windowBits(held []point, n int, room float64) float64 {
	for i, p := range held {
		if i > 0 && (p.x == held[i-1].x || p.k < held[i-1].k) {
			return 0
		}
	}
	tuples := tuplesIn(held)
	if tuples < leastTuples {
		return 0
	}
	m := float64(len(held))
	order, _ := math.Lgamma(m + 1)
	all, _ := math.Lgamma(float64(n) + 1)
	rest, _ := math.Lgamma(float64(n) - m + 1)
	choices := (all - rest - order) / math.Ln2
	// One point places the window; those of one tuple alone may be a clock of
	// its own.
	return float64(tuples-1)*(room-math.Log2(float64(spread(held))+1)) + order/math.Ln2 - choices - math.Log2(float64(n))
}
