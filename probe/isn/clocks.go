package isn

import "math"

// widths are the factors on the uncertainty of times that are tried in turn.
// The shortest RTT of a few under heavy jitter may itself hold much queueing,
// and then every excess over it is too small.
var widths = []float64{1, 2.5, 0.4}

// mostRates is how many of the proposed rates are refined.
const mostRates = 3

// clocks fits clocks, with a step a connection and without, to the groups of a
// key.
func clocks(v *view, key factor) (list []*standing) {
	groups := v.groups(key).members(v.points)
	quanta := v.quanta(key)
	for _, hz := range rates(groups) {
		list = append(list, fitClock(v, key, drift{hz: hz, quantum: 1, wide: 1}))
	}
	var plain, both []*standing
	if key == 0 {
		for _, p := range v.planes() {
			d := drift{hz: p.hz, step: p.step, quantum: 1, wide: 1}
			list = append(list, fitClock(v, key, d))
			d.busy = true
			both = append(both, fitClock(v, key, d).settle(v, 3, withStep))
		}
	}
	if p, ok := v.sharedPlane(key); ok {
		both = append(both, fitClock(v, key, drift{hz: p.hz, step: p.step, quantum: 1, wide: 1}).settle(v, 3, withStep))
	}
	list = best(list)[:min(mostRates, len(list))]
	for _, s := range list {
		plain = append(plain, s.settle(v, 3, withoutStep))
	}
	if len(plain) == 0 {
		return nil
	}
	top := best(plain)[0]
	both = append(both, top.settle(v, 3, withStep))
	for _, q := range quanta {
		plain = append(plain, top.with(func(d *drift) { d.quantum, d.step = q, 0 }).settle(v, 2, withoutStep))
		both = append(both, best(both)[0].ticking(v, q)...)
	}
	return append(best(plain)[:1], best(both)[:1]...)
}

// clockModel is a model of a clock.
func clockModel(key factor, d drift) model {
	m := model{class: ClassTupleClock, name: "a clock", key: key, moves: byTime}.by(&d)
	switch {
	case key == 0 && d.step != 0:
		m.class, m.name, m.prior = ClassGlobalMixed, "a clock and a step", 4
	case key == 0:
		m.class = ClassGlobalClock
	case d.step != 0:
		m.name, m.prior = "a clock and a step", 6
	}
	return m
}

// fitClock fits a model of a clock.
func fitClock(v *view, key factor, d drift) *standing {
	d.counts = nil
	if key == 0 && math.Abs(d.step) > leastSkipped*math.Abs(d.hz)*medianUncertainty(v) {
		d.counts = make([]float64, len(v.points))
	}
	s := clockModel(key, d).fit(v)
	if d.hz*d.step < 0 { // no host counts up with time and down with connections
		s.bits = math.Inf(1)
	}
	if math.Abs(d.hz)*v.span() < leastWay*d.quantum || math.Abs(d.hz) > maxHz || d.quantum > mostQuantum {
		s.bits = math.Inf(1)
	}
	return s
}

// leastSkipped is how large a step must be for a number to show which of the lost attempts
// the host has seen, as a multiple of how far the clock moves in the uncertainty of a
// point's time.
const leastSkipped = 3

// mostQuantum is the largest amount by which a clock is taken to move at once.
const mostQuantum = 1 << 27

// leastWay is how far, in quanta, a clock must move on in the samples' time to be one.
const leastWay = 2

// with is a standing's model with its drift changed, not yet fitted.
func (s *standing) with(change func(*drift)) *standing {
	d := *s.drift
	change(&d)
	return &standing{model: clockModel(s.key, d), bits: math.Inf(1), ledger: s.ledger}
}

// ticking is a clock and a step that ticks by q, with the step as it is and in whole ticks.
func (s *standing) ticking(v *view, q float64) (list []*standing) {
	whole := q * math.Round(s.drift.step/q)
	list = append(list, s.with(func(d *drift) { d.quantum = q }).settle(v, 2, withStep))
	if whole != 0 && whole != s.drift.step {
		list = append(list, s.with(func(d *drift) { d.quantum, d.step = q, whole }).settle(v, 2, withStep))
	}
	return list
}

// settle refines a clock, with a step beside it or without, by so many rounds of
// least squares, tries other widths, and returns the best.
func (s *standing) settle(v *view, rounds int, kind stepping) *standing {
	d := *s.drift
	if kind == withoutStep {
		d.step, d.busy = 0, false
	}
	top := fitClock(v, s.key, d)
	at := top
	for range rounds {
		d, ok := at.drift.refined(v, at.ledger, kind)
		if !ok || math.Abs(d.hz) > maxHz || d.hz == 0 {
			break
		}
		d.roundStep(at.drift.step)
		if at = fitClock(v, s.key, d); at.bits < top.bits {
			top = at
		}
	}
	if kind == withStep && top.drift.step == 0 {
		top.bits = math.Inf(1)
		return top
	}
	if kind == withStep && s.key == 0 && !top.drift.busy {
		d := *top.drift
		d.busy = true
		if busy := fitClock(v, 0, d); busy.bits < top.bits {
			top = busy
		}
	}
	for _, w := range widths {
		d := *top.drift
		d.wide = w
		if o := fitClock(v, s.key, d); o.bits < top.bits {
			top = o
		}
	}
	return top
}

// roundStep makes the step a whole number; where the clock ticks, the one before
// the refinement, or ticks.
func (d *drift) roundStep(was float64) {
	switch {
	case d.quantum <= 1:
		d.step = math.Round(d.step)
	case was != 0:
		d.step = was
	default:
		d.step = math.Round(d.step/d.quantum) * d.quantum
	}
}

// quanta are the amounts above one by which a clock may move at once: common
// divisors of most differences.
func (v *view) quanta(key factor) (out []float64) {
	gaps := v.gaps(key)
	for _, a := range divisors(gaps) {
		q := magnitude(a)
		n := divides(gaps, q) / math.Log2(float64(q)+1)
		if q > 1 && n >= 0.75*float64(len(gaps)) && (n-1)*math.Log2(float64(q)) >= quantumBits {
			out = append(out, float64(q))
		}
	}
	return out[:min(len(out), 2)]
}
