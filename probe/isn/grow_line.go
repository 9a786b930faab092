package isn

import "math"

// drift is growth along hz·t + step·k: a clock, a fixed step a connection, or
// both, in ticks of quantum counts (RFC 793 §3.3's clock is 250,000 Hz, RFC 6528's
// one line a tuple, 4.4BSD's a step and 64,000 each half second). A point lies on
// the line as near as its own moment is known.
type drift struct {
	hz, step float64
	quantum  float64
	wide     float64 // factor on the uncertainty of the points' moments
	busy     bool    // other people's connections may have moved the counter too

	// counts are the connections before each point, where attempts were lost: the
	// host saw them or did not, and following the points says which.
	counts []float64
}

// count is how many connections came before the point.
func (d *drift) count(p *point) float64 {
	if d.counts != nil {
		return d.counts[p.row]
	}
	return float64(p.k)
}

// mostSkipped bounds how many lost attempts between two points are weighed.
const mostSkipped = 8

// skipped is how many connections the host has not seen before p of those that we
// count, or, below zero, how many more it has seen, other people's: the number that
// brings p nearest to the strand, and what it takes to tell it.
func (d *drift) skipped(v *view, s *strand, p *point) (n, bits float64) {
	if d.counts == nil || p.row == 0 || s.weight == 0 {
		return s.sum, 0
	}
	choices := min(1+lostBetween(&v.points[s.last], p), mostSkipped)
	best := math.Inf(1)
	n = s.sum
	near := math.Round(wrap(d.at(p, float64(p.k)-s.sum)-s.center) / -d.step)
	for _, m := range []float64{0, near - 1, near, near + 1} {
		count := float64(p.k) - s.sum - m
		if m >= float64(choices) || m < 0 && !d.busy || d.quantum > 1 && !d.ticks(p, &v.points[s.last], count) {
			continue
		}
		r := math.Abs(wrap(d.at(p, count)-s.center))/(d.spread(p)+d.grain(s)) + skipBits(m, choices, d.busy)/4
		if r < best {
			best, n, bits = r, s.sum+m, skipBits(m, choices, d.busy)
		}
	}
	return n, bits
}

// skipBits prices m connections that were lost of so many choices, or, below zero,
// so many of other people's, if there may be any.
func skipBits(m float64, choices int, busy bool) float64 {
	switch {
	case m < 0:
		return 3 + 2*math.Log2(1-m)
	case busy:
		return 0.2 + math.Log2(float64(choices))
	}
	return math.Log2(float64(choices))
}

// moving is where the line is at the point, against the point's number: constant
// along the line but for noise, modulo 2^32.
func (d *drift) moving(p *point) float64 { return d.at(p, d.count(p)) }

// at is the same where so many connections came before.
func (d *drift) at(p *point, count float64) float64 {
	return math.Mod(float64(uint32(p.x))-d.hz*p.t-d.step*count, space)
}

// grain is how well the strand's line is known, in counts: of a clock that ticks,
// by the interval that its phase must be in.
func (d *drift) grain(s *strand) float64 {
	if d.quantum > 1 {
		return 0.02*d.quantum + 0.4*(s.high-s.low)
	}
	return 0.3 + 1/math.Sqrt(s.weight)
}

// spread is the scale of the point's distance from the line, in counts.
func (d *drift) spread(p *point) float64 {
	return 0.55*d.wide*math.Abs(d.hz)*p.u + 0.3*d.quantum
}

func (d *drift) price(v *view, s *strand, p *point) (bits, miss float64) {
	skipped, more := d.skipped(v, s, p)
	if d.quantum > 1 && !d.ticks(p, &v.points[s.last], float64(p.k)-skipped) {
		return math.Inf(1), 0
	}
	r := wrap(d.at(p, float64(p.k)-skipped) - s.center)
	scale := 0.55*d.wide*math.Abs(d.hz)*p.u + d.grain(s)
	half := d.quantum / 2
	chance := heavy((r+half)/scale) - heavy((r-half)/scale)
	blind := r + d.hz*p.late
	return more - math.Log2(chance+1e-12), 2*math.Round(math.Abs(blind)/d.quantum) + 1
}

// ticks reports whether p, before which count connections came, is whole ticks and
// steps from q.
func (d *drift) ticks(p, q *point, count float64) bool {
	way := float64(p.x.Sub(q.x)) - d.step*(count-d.count(q))
	way += space * math.Round((d.hz*(p.t-q.t)-way)/space) // as often as it went round
	return math.Mod(way, d.quantum) == 0
}

// heavy is the distribution function of Student's t with two degrees of freedom, its scale
// √2 times smaller: it has the heavy tail of packets that queueing delays.
func heavy(z float64) float64 { return 0.5 + 0.5*z/math.Sqrt(1+z*z) }

func (d *drift) take(v *view, s *strand, p *point) {
	if d.counts != nil {
		s.sum, _ = d.skipped(v, s, p)
		d.counts[p.row] = float64(p.k) - s.sum
	}
	if d.quantum > 1 {
		d.narrow(s, d.moving(p))
		return
	}
	scale := d.spread(p)
	w := 1 / (scale * scale)
	at := d.moving(p)
	if s.weight == 0 {
		s.center, s.weight = at, w
		return
	}
	r := wrap(at - s.center)
	s.weight += w
	s.center += r * w / s.weight
}

// narrow takes a ticking clock's point: it lies within half a tick of the line.
func (d *drift) narrow(s *strand, at float64) {
	half := d.quantum / 2
	if s.weight == 0 {
		s.center, s.phi, s.weight, s.low, s.high = at, at, 1, -half, half
		return
	}
	r := wrap(at - s.phi)
	s.low, s.high = max(s.low, r-half), min(s.high, r+half)
	if s.low > s.high {
		s.low = (s.low + s.high) / 2
		s.high = s.low
	}
	s.center = s.phi + (s.low+s.high)/2
}

// cost is that of the parameters: the rate to the precision that the samples
// give it, at no known scale, and a step and a quantum where there are any.
func (d *drift) cost(v *view) (bits float64) {
	noise := max(d.quantum, math.Abs(d.hz)*medianUncertainty(v))
	if d.hz != 0 {
		bits += d.rateCost(math.Abs(d.hz)*v.span(), noise)
	}
	switch {
	case d.step == 0:
	case d.quantum > 1:
		bits += 2 + math.Log2(1+math.Abs(d.step)/d.quantum)
	default:
		bits += 7 + math.Log2(1+math.Abs(d.step)/noise)
	}
	if d.quantum > 1 {
		bits += 4 + 1.1*math.Log2(d.quantum)
	}
	return bits + 1
}

func (d *drift) fresh() growth { return d }

// skewAllowance is how far a host's clock may be from its nominal rate.
const skewAllowance = 2e-4

// tickRates are usual rates of a timer, a second.
var tickRates = []float64{1, 2, 4, 10, 18.2, 100, 250, 1000}

// rateCost is that of a rate which moves the numbers by so much over all, to the
// noise: at no known scale, or near a usual rate.
func (d *drift) rateCost(way, noise float64) float64 {
	free := 6 + math.Log2(1+way/noise)
	near := 4 + math.Log2(1+skewAllowance*way/noise)
	for _, n := range nominals {
		if math.Abs(d.hz/n.hz-1) < skewAllowance {
			return min(free, near)
		}
	}
	for _, t := range tickRates {
		if d.quantum > 1 && math.Abs(d.hz/d.quantum/t-1) < skewAllowance {
			return min(free, near)
		}
	}
	return free
}

// mostOddTimes is how many points at each end may have a time that is far off.
const mostOddTimes = 3

// span is the time from the first points to the last, in s. Where there are many, a few at
// the ends are left out, so that one wrong time stamp does not stretch it.
func (v *view) span() float64 {
	odd := min(len(v.points)/10, mostOddTimes)
	return v.points[len(v.points)-1-odd].t - v.points[odd].t
}

// medianUncertainty is that of the points' moments, in s.
func medianUncertainty(v *view) float64 {
	if v.typical == 0 {
		u := make([]float64, len(v.points))
		for i := range u {
			u[i] = v.points[i].u
		}
		v.typical = median(u)
	}
	return v.typical
}
