package isn

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// largestIncrement bounds what counts as a bounded positive step. Among random
// numbers one difference in eight is smaller.
const largestIncrement = 1 << 29

// increments are the forward differences inside the groups, a lost attempt's
// included.
func increments(groups [][]point) []uint32 {
	var out []uint32
	for _, g := range groups {
		for i := 1; i < len(g); i++ {
			out = append(out, uint32(g[i].x-g[i-1].x))
		}
	}
	return out
}

// incrementBits is log2 of how unlikely it is that random numbers differ by so
// little, all of them upwards. Steps of nothing tell nothing of the others.
func incrementBits(steps []uint32) float64 {
	steps = slices.DeleteFunc(slices.Clone(steps), func(s uint32) bool { return s == 0 })
	if len(steps) < leastIncrements {
		return 0
	}
	most := slices.Max(steps)
	if most > largestIncrement {
		return 0
	}
	return float64(len(steps)-1) * (32 - math.Log2(float64(most)+1))
}

// detectGlobalIncrement finds a counter for everybody with random steps.
func detectGlobalIncrement(v *view) (verdict, bool) {
	if len(v.tuples) < 3 {
		return verdict{}, false
	}
	return incrementVerdict([][]point{v.points}, ClassRandomIncrement)
}

// detectTupleIncrement finds a counter a tuple with random steps.
func detectTupleIncrement(v *view) (verdict, bool) {
	if len(v.tuples) < 2 {
		return verdict{}, false
	}
	return incrementVerdict(v.repeated(2), ClassTupleRandomIncrement)
}

// leastIncrements is how many steps of more than nothing must have been seen.
const leastIncrements = 4

// incrementVerdict reports bounded steps inside the groups.
func incrementVerdict(groups [][]point, class Class) (verdict, bool) {
	steps := increments(groups)
	bits := incrementBits(steps)
	if bits < 20 {
		return verdict{}, false
	}
	if r := gapCorrelation(groups); r > timely {
		return undecidedGrowth(r), true
	}
	low, high := slices.Min(steps), slices.Max(steps)
	out := verdict{class: class, confidence: sure(bits)}
	severity, whose := Warning, "everybody's connections"
	if class == ClassTupleRandomIncrement {
		out.inputs = []string{"port"}
		severity, whose = Notice, "a four-tuple's connections"
	}
	if low == high {
		out.step = Some(int64(low))
	}
	out.note("bounded-increments", severity, fmt.Sprintf("%d steps between %d and %d", len(steps), low, high),
		"A counter for %s grows by a bounded amount each time (%.1f bits seen), and not with time.", whose, math.Log2(float64(high-low)+1))
	return out, true
}

// timely is the squared correlation of steps with the time since the last one
// from which growth is no longer called independent of time. Random steps over
// the default plan's gaps never come near it.
const timely = 0.8

// gapCorrelation is the squared correlation of the steps with their gaps; in one
// group of everything between direct successors only, because a lost attempt makes
// both longer. It is NaN where either
// does not vary.
func gapCorrelation(groups [][]point) float64 {
	var gaps, steps []float64
	for _, g := range groups {
		for i := 1; i < len(g); i++ {
			if len(groups) == 1 && g[i].k != g[i-1].k+1 {
				continue
			}
			gaps = append(gaps, g[i].t-g[i-1].t)
			steps = append(steps, float64(uint32(g[i].x-g[i-1].x)))
		}
	}
	r := stat.Correlation(gaps, steps, nil)
	return r * r
}

// undecidedGrowth says that something grows with time, on no line that the
// measured jitter allows.
func undecidedGrowth(r float64) verdict {
	var out verdict
	out.note("growth-with-time", Notice, fmt.Sprintf("r² of step and gap %.2f", r),
		"The numbers grow with time, but not closely enough to a line: the path's jitter or a busy host hides the clock. A longer run would show it.")
	return out
}
