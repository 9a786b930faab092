package isn

import "math"

// steps is growth by a fixed amount a connection, ours and others': each number
// is a whole number of steps after the last. Others' connections come at random,
// rate of them a second (Poisson). tick, where it is above 0, is the time in s
// after which one step more is made, once, as libslirp's slow timer makes it
// (libslirp src/tcp_timer.c, tcp_slowtimo) when it wakes up for us.
type steps struct {
	a    int32 // 0 where each strand has a step of its own, learnt from its first numbers
	rate float64
	tick float64
	own  bool // one chain a group: attempts are not counted across groups

	// shared is that the steps of all connections count, in groups with offsets of their own:
	// there cannot be fewer than those of ours that were answered.
	shared bool
}

func (g *steps) price(v *view, s *strand, p *point) (bits, miss float64) {
	d := g.along(v, s, p)
	a := int64(magnitude(g.a))
	if a == 0 {
		if a = int64(s.sum); a == 0 || d%a != 0 {
			return g.learn(d, a)
		}
	}
	if d%a != 0 || d == 0 {
		return math.Inf(1), 0
	}
	m, k := d/a, int64(s.passed(v, p, g.own))
	if d > 1<<31 && m > k || g.shared && m < k-int64(lostBetween(&v.points[s.last], p)) {
		return math.Inf(1), 0
	}
	mean := g.rate * max(p.t-v.points[s.last].t, 0)
	if g.tick > 0 {
		k, mean = k+g.ticked(s, p), 0
	}
	return connectionsBits(m-k, k, mean), 2*math.Abs(float64(m-k)-math.Round(mean)) + 1
}

// along is how far the point lies from the strand's last, in the direction of the step.
func (g *steps) along(v *view, s *strand, p *point) int64 {
	if g.a < 0 {
		return int64(uint32(v.points[s.last].x - p.x))
	}
	return int64(uint32(p.x - v.points[s.last].x))
}

// learn prices a strand's first difference, or one that shows that its step is a
// part of what it seemed to be.
func (g *steps) learn(d, a int64) (bits, miss float64) {
	if d == 0 || d > 1<<28 {
		return math.Inf(1), 0
	}
	if a == 0 {
		return 4 + 1.2*math.Log2(float64(d)+1), notPredicted
	}
	if part := int64(gcd(uint32(d), uint32(a))); part*mostSkipped >= a {
		return 8 + math.Log2(float64(d/part)), notPredicted
	}
	return math.Inf(1), 0
}

// ticked is whether the timer adds its step: it does where so much time has
// passed since it last did.
func (g *steps) ticked(s *strand, p *point) int64 {
	if p.t-s.phi >= g.tick {
		return 1
	}
	return 0
}

// mostUnsure bounds how many lost attempts are weighed one by one.
const mostUnsure = 6

// connectionsBits prices e connections more than our own k, where others make mean of
// them. All of our own but the last may have been lost on the way there.
func connectionsBits(e, k int64, mean float64) float64 {
	chance, n := 0.0, min(k, mostUnsure)
	for j := range n {
		chance += poisson(float64(e+j), mean) / float64(n)
	}
	x := max(float64(e), 0)
	return -math.Log2(0.94*chance + 0.04/((x+1)*(x+2)))
}

// poisson is the chance of n events where mean are expected.
func poisson(n, mean float64) float64 {
	if n < 0 {
		return 0
	}
	if mean <= 0 {
		if n == 0 {
			return 1
		}
		return 0
	}
	lg, _ := math.Lgamma(n + 1)
	return math.Exp(n*math.Log(mean) - mean - lg)
}

func (g *steps) take(v *view, s *strand, p *point) {
	if s.n == 0 {
		s.phi = p.t - g.tick/2
		return
	}
	if g.a == 0 {
		s.sum = float64(gcd(uint32(s.sum), uint32(p.x-v.points[s.last].x)))
	}
	if g.tick > 0 {
		d := g.along(v, s, p) / int64(magnitude(g.a))
		if d > int64(s.passed(v, p, g.own)) {
			s.phi = p.t
		}
	}
}

func (g *steps) cost(v *view) float64 {
	bits := 4 + 1.2*math.Log2(float64(magnitude(g.a))+1)
	if g.a == 0 {
		bits++
	}
	if g.rate > 0 {
		bits += 8
	}
	if g.tick > 0 {
		bits += 6
	}
	return bits
}

func (g *steps) fresh() growth { n := *g; return &n }

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
		if key != 0 {
			list = append(list, sharedSteps(v, m, a))
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

// sharedSteps fits a counter that all connections of ours move, each group's numbers an offset
// of its own above it, as in NetBSD (sys/netinet/tcp_subr.c, tcp_new_iss1: a hash and
// tcp_iss_seq). With other people's connections it would explain anything.
func sharedSteps(v *view, m model, a int32) *standing {
	m.name, m.prior = "an offset, and fixed steps for everybody", 12
	return m.by(&steps{a: a, shared: true}).fit(v)
}

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
