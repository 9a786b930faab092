package isn

import (
	"math"
	"slices"
)

// counters fits every model of growth: constants, clocks, steps, random steps and
// cycles, under every key that the samples can tell from another.
func counters(v *view) (list []*standing) {
	list = append(list, stills(v)...)
	for _, key := range v.tupleKeys() {
		list = append(list, increments(v, key)...)
		list = append(list, stepped(v, key)...)
		if v.timed {
			list = append(list, clocks(v, key)...)
		}
	}
	return list
}

// stills are the constants and the cookies.
func stills(v *view) (list []*standing) {
	add := func(class Class, name string, key, moves factor, how echo, prior float64) {
		g := still{how}
		list = append(list, model{class: class, name: name, key: key, moves: moves, prior: prior}.by(g).fit(v))
	}
	for _, key := range v.tupleKeys() {
		if key == 0 {
			add(ClassConstant, "one number", key, 0, silent, 0)
			continue
		}
		add(ClassTupleConstant, "one number a tuple", key, 0, silent, 1)
	}
	if !v.varied(byClient) {
		return list
	}
	for _, key := range v.tupleKeys() {
		add(ClassSYNCookies, "our number plus a hash", key, byClient, added, 3)
		add(ClassSYNCookies, "a hash less our number", key, byClient, negated, 8)
		add(ClassSYNCookies, "our number XORed with a hash", key, byClient, xored, 8)
	}
	for _, key := range v.keys(byTuple, byTuple|byOptions, byTuple|byClient, byTuple|byClient|byOptions)[1:] {
		add(ClassSYNCookies, "a hash of the SYN", key, 0, silent, 6)
	}
	return list
}

// gaps are the differences inside the groups of a key, in the order of time,
// those that are nothing left out.
func (v *view) gaps(key factor) (list []int32) {
	for _, g := range v.groups(key).members(v.points) {
		for i := 1; i < len(g); i++ {
			if d := g[i].x.Sub(g[i-1].x); d != 0 {
				list = append(list, d)
			}
		}
	}
	return list
}

// increments are random steps: of any size, and between the least and the largest.
func increments(v *view, key factor) []*standing {
	m := model{class: ClassRandomIncrement, name: "random steps", key: key,
		propose: func(v *view) *standing { return increments(v, key)[0] }}.by(&octaves{})
	if key != 0 {
		m.class = ClassTupleRandomIncrement
	}
	list := []*standing{m.fit(v)}
	gaps := v.gaps(key)
	if len(gaps) < leastIncrements {
		return list
	}
	b := band{low: math.MaxUint32, own: key != 0}
	for _, g := range v.groups(key).members(v.points) {
		for i := 1; i < len(g); i++ {
			d := uint32(g[i].x - g[i-1].x)
			if d != 0 && lostBetween(&g[i-1], &g[i]) == 0 {
				b.low, b.high = min(b.low, d), max(b.high, d)
			}
		}
	}
	if b.low < b.high && b.high < 1<<30 {
		list = append(list, m.by(&b).fit(v))
	}
	if key == 0 && v.timed {
		list = append(list, busyBand(v, m, gaps)...)
	}
	return best(list)[:1]
}

// busyBand fits random steps of nearly one size, with other people's connections
// between ours.
func busyBand(v *view, m model, gaps []int32) []*standing {
	b, n := narrowBand(gaps)
	if b.low < leastBand || b.low >= b.high || uint64(b.high-b.low)*narrow > uint64(b.low) || v.span() <= 0 {
		return nil
	}
	b.rate = max(n-float64(len(gaps)), 1) / v.span()
	return []*standing{m.by(&b).fit(v)}
}

// leastBand is the smallest step of which a narrow band is told from a clock, and narrow
// how many times narrower than it the band must be.
const (
	leastBand = 32
	narrow    = 4
)

// leastIncrements is how many steps of more than nothing must have been seen.
const leastIncrements = 3

// stepped are fixed steps, those that rise with time among them.
func stepped(v *view, key factor) (list []*standing) {
	m := model{class: ClassGlobalStep, name: "fixed steps", key: key}
	if key != 0 {
		m.class, m.prior = ClassTupleRandomIncrement, 10
	}
	for _, a := range divisors(v.gaps(key)) {
		if a > 0 || key == 0 {
			list = append(list, bestSteps(v, m, a)...)
		}
	}
	if key == 0 {
		list = append(list, bestSteps(v, m, 0)...)
	}
	list = bestOfEach(list)
	if key == 0 && v.timed {
		list = append(list, risingSteps(v, list)...)
		list = append(list, timers(v)...)
	}
	return list
}

// rateGuesses are rates of others' connections, a second, to begin with.
var rateGuesses = []float64{0, 0.5, 5, 50}

// bestSteps fits the rate of others' connections, and libslirp's timer.
func bestSteps(v *view, m model, a int32) (list []*standing) {
	fit := func(g steps) *standing {
		g.own = m.key != 0
		n := m.by(&g)
		if g.tick > 0 {
			n.class, n.moves, n.name = ClassGlobalMixed, byTime, "a step a connection and one after a while"
		}
		s := n.fit(v)
		list = append(list, s)
		return s
	}
	s := fit(steps{a: a})
	if !v.timed || s.ledger.count[joined] < 2 || a == 0 || m.key != 0 {
		return list // others' connections do not move a counter of ours
	}
	for _, rate := range rateGuesses[1:] {
		fit(steps{a: a, rate: rate})
	}
	if r := best(list)[0].othersRate(v); r > 0 {
		fit(steps{a: a, rate: r})
	}
	fit(steps{a: a, tick: slowTimer})
	return append(list, ticking(v, a)...)
}

// ticking fits a step beside which a timer adds as much, or twice as much, at even
// times, as 4.4BSD's does (tcp_slowtimo).
func ticking(v *view, a int32) (list []*standing) {
	q := float64(magnitude(a))
	for _, hz := range []float64{q / slowTimer, 2 * q / slowTimer} {
		for _, quantum := range []float64{q, 2 * q} {
			d := drift{hz: hz, step: float64(a), quantum: quantum, wide: 1}
			list = append(list, fitClock(v, 0, d))
		}
	}
	top := best(list)[0]
	return []*standing{top.settle(v, 1, withStep)}
}

// timer proposes a step that most connections make, and a timer that adds another amount
// at even times, as 4.4BSD's adds TCP_ISSINCR/2 and a connection TCP_ISSINCR/4.
func (v *view) timer() (d drift, ok bool) {
	votes := make(map[float64]int)
	list := v.successors()
	for _, s := range list {
		if votes[s.d]++; votes[s.d] > votes[d.step] {
			d.step = s.d
		}
	}
	if votes[d.step] < leastAlike || d.step == 0 {
		return d, false
	}
	var more []int32
	grown, time := 0.0, 0.0
	for _, s := range list {
		if s.d != d.step {
			more = append(more, int32(int64(s.d-d.step)))
		}
		grown, time = grown+s.d-d.step, time+s.dt
	}
	tick := commonDivisor(more, quantumBits)
	if tick <= 1 || time <= 0 || float64(tick) == math.Abs(d.step) {
		return d, false
	}
	d.hz, d.quantum, d.wide = grown/time, float64(tick), 1
	return d, true
}

// leastAlike is how many differences must be alike to be a step.
const leastAlike = 3

// timers fits what timer proposes, with the rate that was seen and the usual ones next to it.
func timers(v *view) (list []*standing) {
	d, ok := v.timer()
	if !ok {
		return nil
	}
	list = append(list, fitClock(v, 0, d))
	for _, t := range tickRates {
		if ratio := math.Abs(d.hz) / d.quantum / t; ratio > 0.7 && ratio < 1.4 {
			usual := d
			usual.hz = math.Copysign(d.quantum*t, d.hz)
			list = append(list, fitClock(v, 0, usual))
		}
	}
	top := best(list)[0]
	return []*standing{top, top.settle(v, 2, withStep)}
}

// slowTimer is the period of BSD's and libslirp's slow timer (PR_SLOWHZ), in s.
const slowTimer = 0.5

// othersRate is how many steps a second were made beside ours.
func (s *standing) othersRate(v *view) float64 {
	more, time := 0.0, 0.0
	last := make(map[int]int)
	for i := range v.points {
		at := s.ledger.groups.of[i]*mostStrands + s.ledger.strand[i]
		j, ok := last[at]
		last[at] = i
		if !ok || s.ledger.fates[i] != joined {
			continue
		}
		d := math.Abs(float64(v.points[i].x.Sub(v.points[j].x))) / float64(magnitude(s.steps.a))
		more += max(d-float64(v.points[i].k-v.points[j].k), 0)
		time += v.points[i].t - v.points[j].t
	}
	if time <= 0 {
		return 0
	}
	return more / time
}

// mostDivisors is how many steps are tried, and mostVotes from how many
// differences they are taken.
const (
	mostDivisors = 4
	mostVotes    = 64
)

// divisors proposes steps: the common divisors of neighbouring differences that
// divide the most, the larger the better, and the most frequent difference.
func divisors(gaps []int32) (out []int32) {
	if len(gaps) > mostVotes {
		gaps = gaps[:mostVotes]
	}
	down := 0
	var tried []uint32
	for i, d := range gaps {
		if d < 0 {
			down++
		}
		for _, g := range []uint32{magnitude(d), gcd(magnitude(d), magnitude(gaps[max(i-1, 0)]))} {
			if !slices.Contains(tried, g) {
				tried = append(tried, g)
			}
		}
	}
	if all := commonDivisor(gaps, quantumBits); all > 1 && !slices.Contains(tried, all) {
		tried = append(tried, all)
	}
	slices.SortStableFunc(tried, func(a, b uint32) int { return int(divides(gaps, b) - divides(gaps, a)) })
	for _, a := range tried[:min(len(tried), mostDivisors)] {
		if down*2 > len(gaps) {
			out = append(out, -int32(a))
		} else if a <= math.MaxInt32 {
			out = append(out, int32(a))
		}
	}
	return out
}

// divides is how many bits a divisor explains of the differences.
func divides(gaps []int32, a uint32) float64 {
	n := 0.0
	for _, d := range gaps {
		if magnitude(d)%a == 0 {
			n++
		}
	}
	return n * math.Log2(float64(a)+1)
}

// risingSteps are steps that rise with time. They are looked for where fixed ones do
// not explain nearly all.
func risingSteps(v *view, fixed []*standing) (list []*standing) {
	gaps := v.gaps(0)
	if len(fixed) > 0 && fixed[0].bits < wordBits+3*float64(len(v.points)) || len(gaps) < 4 {
		return nil
	}
	for _, rate := range []float64{0.01, 1, 5, 20, 80} {
		g := rising{hz: tickHz, rate: rate}
		list = append(list, model{class: ClassGlobalStep, name: "steps that rise with time", moves: byTime, prior: 2}.by(&g).fit(v))
	}
	return best(list)[:1]
}
