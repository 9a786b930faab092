package isn

import (
	"fmt"
	"math"
	"slices"
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
// little, all of them upwards.
func incrementBits(steps []uint32) float64 {
	if len(steps) == 0 {
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

// leastIncrements is how many steps must have been seen.
const leastIncrements = 4

// incrementVerdict reports bounded steps inside the groups.
func incrementVerdict(groups [][]point, class Class) (verdict, bool) {
	steps := increments(groups)
	bits := incrementBits(steps)
	if len(steps) < leastIncrements || bits < 20 {
		return verdict{}, false
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
