package isn

import "math"

// onLine lists the group's points on the line.
func (l *line) onLine(g int) (indexes []int) {
	for i, in := range l.in[g] {
		if in {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// coarse reports whether the clock's ticks, and not the uncertain times, decide
// how near to the line its points are.
func (l *line) coarse() bool {
	var u []float64
	for _, group := range l.groups {
		for i := range group {
			u = append(u, group[i].u)
		}
	}
	return l.quantum > math.Abs(l.hz)*median(u)
}

// ticksApart is how many ticks a ticking clock's points may seem to be spread
// over: one, and what the fitted rate is off by.
const ticksApart = 1.35

// ticks tells a clock that ticks from a counter that moves by about as much a
// connection: the clock's points are within one tick of its line, but for what
// their times are uncertain by.
func (l *line) ticks() bool {
	if l.inliers*10 < l.total*9 {
		return false
	}
	for g, group := range l.groups {
		low, high, late := math.Inf(1), math.Inf(-1), 0.0
		for _, i := range l.onLine(g) {
			low, high = min(low, l.resid[g][i]), max(high, l.resid[g][i])
			late = max(late, group[i].u)
		}
		if high-low > ticksApart*l.quantum+2.5*math.Abs(l.hz)*late {
			return false
		}
	}
	return true
}
