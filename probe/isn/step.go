package isn

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"synscope/craft"
)

// detectGlobalStep finds the same difference between each connection and the
// next, whatever the tuple. A lost attempt may or may not have cost a step.
func detectGlobalStep(v *view) (verdict, bool) {
	if len(v.points) < 4 || len(v.tuples) < 2 {
		return verdict{}, false
	}
	a, ok := commonStep(v.points)
	if !ok || a == 0 {
		return verdict{}, false
	}
	fits := 0
	for i := 1; i < len(v.points); i++ {
		if isSteps(v.points[i-1], v.points[i], a) {
			fits++
		}
	}
	if n := len(v.points) - 1; fits < 3 || n-fits > n/10 {
		return verdict{}, false
	}
	out := verdict{class: ClassGlobalStep, step: Some(int64(a)), confidence: sure(12 * float64(fits-1))}
	out.next = func(h []point) (craft.Seq, bool) { return h[len(h)-1].x.Add(uint32(a)), true }
	out.note("counter", Warning, fmt.Sprintf("%d of %d differences are exactly %d a connection", fits, len(v.points)-1, a),
		"Each connection begins %d above the one before it, whoever asks: one connection tells the number of the next.", a)
	return out, true
}

// commonStep returns the most frequent difference of direct successors.
func commonStep(points []point) (int32, bool) {
	count := make(map[int32]int)
	best, most := int32(0), 0
	for i := 1; i < len(points); i++ {
		d := points[i].x.Sub(points[i-1].x)
		if count[d]++; count[d] > most {
			best, most = d, count[d]
		}
	}
	return best, most >= 2
}

// isSteps reports whether b is a whole number of steps after a: one for each
// attempt, or fewer where attempts were lost.
func isSteps(a, b point, step int32) bool {
	for m := 1; m <= min(b.k-a.k, 16); m++ {
		if b.x == a.x.Add(uint32(step)*uint32(m)) {
			return true
		}
	}
	return false
}

// The evidence, in bits, for a common divisor: to allow for it as a clock's
// quantum, and to report it.
const (
	quantumBits = 12
	divisorBits = 20
)

// commonDivisor returns the greatest common divisor of the groups' consecutive
// differences, and 1 where chance may have made it: m random differences share
// a divisor of g or more with probability about 1/g^(m-1).
func commonDivisor(groups [][]point, leastBits float64) uint32 {
	var g uint32
	differences := 0
	for _, group := range groups {
		for i := 1; i < len(group); i++ {
			d := group[i].x.Sub(group[i-1].x)
			if d == 0 {
				continue
			}
			g = gcd(g, magnitude(d))
			differences++
		}
	}
	if g < 2 || float64(differences-1)*math.Log2(float64(g)) < leastBits {
		return 1
	}
	return g
}

// gcd is Euclid's; gcd(0, b) is b.
func gcd(a, b uint32) uint32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// magnitude is |d| without the overflow of -2^31.
func magnitude(d int32) uint32 {
	if d < 0 {
		return -uint32(d)
	}
	return uint32(d)
}

// plane is a global counter fitted as start + step·k + hz·t.
type plane struct {
	step, hz float64
	stepErr  float64 // standard error of step
	reg      *regression
	fit      *solution
	inliers  int
	total    int
	bits     float64
	apart    bool // the gaps are uneven enough to tell step from rate
}

// fitPlane estimates step and rate together: a robust line through the
// differences against their gaps gives first values (the intercept is the
// step), least squares over the running sum refines them.
func fitPlane(points []point, quantum float64) plane {
	p := roughPlane(points)
	p.total = len(points)
	for range 4 {
		k := p.count(points)
		p.reg = p.regression(points, k, quantum)
		if p.fit = p.reg.solve(); p.fit == nil {
			return p
		}
		p.hz, p.step = p.fit.beta[1], p.fit.beta[2]
	}
	p.stepErr = p.fit.standardError(2, p.reg)
	p.apart = unevenness(points) > leastUneven
	p.judge(points, quantum)
	return p
}

// roughPlane is Theil–Sen through (gap, difference) of direct successors.
func roughPlane(points []point) plane {
	var dt, d []float64
	for i := 1; i < len(points); i++ {
		if points[i].k == points[i-1].k+1 {
			dt = append(dt, points[i].t-points[i-1].t)
			d = append(d, float64(points[i].x.Sub(points[i-1].x)))
		}
	}
	var slopes []weighted
	for i := range dt {
		for j := max(0, i-shortGroup); j < i; j++ {
			if gap := math.Abs(dt[i] - dt[j]); gap > 1e-3 {
				slopes = append(slopes, weighted{(d[i] - d[j]) / (dt[i] - dt[j]), gap})
			}
		}
	}
	hz := weightedMedian(slopes)
	for i := range d {
		d[i] -= hz * dt[i]
	}
	return plane{hz: hz, step: median(d)}
}

// count decides how many connections the host saw up to each point: over a
// lost attempt, the number that the first values explain best.
func (p *plane) count(points []point) []float64 {
	k := make([]float64, len(points))
	for i := 1; i < len(points); i++ {
		lost := float64(points[i].k - points[i-1].k)
		m := 1.0
		if lost > 1 && p.step != 0 {
			d := float64(points[i].x.Sub(points[i-1].x)) - p.hz*(points[i].t-points[i-1].t)
			m = min(max(math.Round(d/p.step), 1), lost)
		}
		k[i] = k[i-1] + m
	}
	return k
}

// regression is the problem of the unwrapped ISNs over time and count.
func (p *plane) regression(points []point, k []float64, quantum float64) *regression {
	reg := &regression{}
	y := 0.0
	for i := range points {
		if i > 0 {
			y += float64(points[i].x.Sub(points[i-1].x))
		}
		dt := p.hz * points[i].u
		reg.add([]float64{1, points[i].t, k[i]}, y, 1/(dt*dt/3+quantum*quantum/12+1e-9))
	}
	return reg
}

// judge counts the points within tolerance of the plane.
func (p *plane) judge(points []point, quantum float64) {
	spent := 0.0
	for i := range points {
		tolerance := 1.25*math.Abs(p.hz)*points[i].u + quantum
		if math.Abs(p.fit.resid[i]) > 1.5*tolerance {
			continue
		}
		p.inliers++
		gain := 32 - math.Log2(2*tolerance+1)
		p.bits += gain
		spent = max(spent, gain)
	}
	p.bits -= 3 * spent
}

// unevenness is the spread of the gaps between attempts over their mean: near 0
// count and time go together, and a step and a rate cannot be told apart.
func unevenness(points []point) float64 {
	var gaps []float64
	for i := 1; i < len(points); i++ {
		gaps = append(gaps, (points[i].t-points[i-1].t)/float64(max(points[i].k-points[i-1].k, 1)))
	}
	mean, deviation := stat.MeanStdDev(gaps, nil)
	return deviation / mean
}

// leastUneven is the unevenness from which a step is told from a rate.
const leastUneven = 0.3
