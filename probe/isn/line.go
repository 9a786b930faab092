package isn

import (
	"cmp"
	"math"
	"slices"
)

// space is the number of sequence numbers.
const space = 1 << 32

// maxHz bounds the rates that are looked for. A faster clock would come round
// more than once a second and resemble nothing that a stack has.
const maxHz = 2e9

// line is a clock fitted to groups of points: one rate, one offset a group.
type line struct {
	groups  [][]point
	hz      float64
	offset  []float64   // by group: counts at the group's first point
	resid   [][]float64 // by group and point: counts off the line
	in      [][]bool    // by group and point: on the line
	quantum float64     // counts by which the clock moves at once
	inliers int
	total   int
	bits    float64 // log2 of how unlikely so many random values lie so close to a line
}

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

// fitLine looks for one rate under which every group is a line. It tries the
// rates that short pairs suggest, unwraps from short gaps to long ones, and
// keeps the rate with the most points on their lines.
func fitLine(groups [][]point, quantum float64) line {
	best := line{groups: groups, quantum: quantum}
	pairs := pairsOf(groups)
	tried := 0
	for _, c := range candidates(pairs) {
		tried++
		l := line{groups: groups, quantum: quantum, hz: progress(pairs, c.hz, c.dt)}
		if math.Abs(l.hz) > maxHz {
			continue
		}
		l.place()
		if l.inliers > best.inliers || l.inliers == best.inliers && l.bits > best.bits {
			best = l
		}
		if best.inliers == best.total && best.bits > 40 {
			break
		}
	}
	best.refine()
	best.bits -= math.Log2(float64(tried) + 1)
	return best
}

// candidate is a rate and the gap that it was read from.
type candidate struct{ hz, dt float64 }

// maxCandidates bounds the rates that fitLine tries.
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
		for i := range pairs {
			p := &pairs[i]
			if p.dt > window {
				break
			}
			if p.dt*8 < window || p.dt < p.u {
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

// tolerance is how far a point may lie off its line, in counts.
func (l *line) tolerance(p *point) float64 {
	return 1.25*math.Abs(l.hz)*p.u + l.quantum
}

// off returns how far b lies off the line through a, in counts.
func (l *line) off(a, b *point) float64 {
	return wrap(float64(b.x.Sub(a.x)) - l.hz*(b.t-a.t))
}

// wrap reduces a difference of sequence numbers to the half-open range around
// zero.
func wrap(d float64) float64 {
	return d - space*math.Round(d/space)
}

// place puts one line through each group, where most points are on it.
func (l *line) place() {
	l.offset = make([]float64, len(l.groups))
	l.resid = make([][]float64, len(l.groups))
	l.in = make([][]bool, len(l.groups))
	for g := range l.groups {
		ref, _ := l.anchor(g)
		l.offset[g] = l.off(&l.groups[g][0], &l.groups[g][ref])
	}
	l.mark()
}

// anchor finds the point of the group whose line most others are on.
func (l *line) anchor(g int) (ref, most int) {
	group := l.groups[g]
	stride := 1 + len(group)/shortGroup
	for r := 0; r < len(group); r += stride {
		n := 0
		for i := range group {
			if math.Abs(l.off(&group[r], &group[i])) <= l.tolerance(&group[r])+l.tolerance(&group[i]) {
				n++
			}
		}
		if n > most {
			ref, most = r, n
		}
	}
	return ref, most
}

// mark computes residuals, tells inliers from outliers and counts the bits.
func (l *line) mark() {
	l.inliers, l.total, l.bits = 0, 0, 0
	spent := 0.0 // one match pays for the free rate: the dearest one
	for g, group := range l.groups {
		l.resid[g] = make([]float64, len(group))
		l.in[g] = make([]bool, len(group))
		found := 0
		for i := range group {
			r := wrap(l.off(&group[0], &group[i]) - l.offset[g])
			l.resid[g][i] = r
			l.total++
			if math.Abs(r) > 1.5*l.tolerance(&group[i]) {
				continue
			}
			l.in[g][i] = true
			l.inliers++
			if found++; found > 1 {
				gain := 32 - math.Log2(2*l.tolerance(&group[i])+1)
				l.bits += gain
				spent = max(spent, gain)
			}
		}
	}
	l.bits -= spent
}

// refine replaces the rate and the offsets by least squares over the inliers,
// and looks again which these are.
func (l *line) refine() {
	for range 2 {
		if l.inliers < len(l.groups)+2 {
			return
		}
		fit := l.regression().solve()
		if fit == nil {
			return
		}
		l.hz += fit.beta[0]
		for g := range l.groups {
			l.offset[g] += fit.beta[1+g]
		}
		l.mark()
	}
}

// regression is the least-squares problem of the inliers' residuals: a change
// of the rate, and a change of each group's offset.
func (l *line) regression() *regression {
	reg := &regression{}
	for g, group := range l.groups {
		for i := range group {
			if !l.in[g][i] {
				continue
			}
			row := make([]float64, 1+len(l.groups))
			row[0], row[1+g] = group[i].t-group[0].t, 1
			reg.add(row, l.resid[g][i], l.weight(&group[i]))
		}
	}
	return reg
}

// weight is the inverse variance of a point: its moment is anywhere in its
// uncertainty, and its value anywhere in a quantum.
func (l *line) weight(p *point) float64 {
	dt := math.Abs(l.hz) * p.u
	return 1 / (dt*dt/3 + l.quantum*l.quantum/12 + 1e-9)
}
