package isn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"synscope/craft"
)

// nominals are the rates of known stacks, in counts a second.
var nominals = []struct {
	hz   float64
	name string
}{
	{15_625_000, "Linux and gVisor: one count in 64 ns (net/core/secure_seq.c)"},
	{7_812_500, "XNU: one count in 128 ns"},
	{31_250_000, "one count in 32 ns"},
	{1_000_000, "one count a microsecond"},
	{250_000, "one count in 4 µs (RFC 9293 §3.4.1)"},
	{128_000, "4.4BSD: 64,000 each half second"},
	{125_000, "one count in 8 µs"},
	{25_000, "250 counts in 10 ms"},
	{1_000, "one count a millisecond"},
	{100, "100 Hz ticks"},
}

// lineBits is the evidence below which no line is believed.
const lineBits = 20

// widths are the factors on the uncertainty of times that are tried in turn.
// The shortest RTT of a few under heavy jitter may itself hold much queueing,
// and then every excess over it is too small.
var widths = []float64{1, 3}

// patiently asks a detector again with wider uncertainties.
func patiently(v *view, detect func(*view) (verdict, bool)) (verdict, bool) {
	for _, f := range widths {
		if out, ok := detect(v.widen(f)); ok {
			return out, true
		}
	}
	return verdict{}, false
}

// detectGlobalLine finds a clock, or a clock and a step, that all tuples share.
func detectGlobalLine(v *view) (verdict, bool) {
	if !v.timed || len(v.points) < 5 || len(v.tuples) < 3 {
		return verdict{}, false
	}
	return patiently(v, globalLine)
}

// globalLine compares a clock alone with a clock and a step.
func globalLine(v *view) (verdict, bool) {
	all := [][]point{v.points}
	stretch := v.stretch() // differences over long gaps wrap, and keep no divisor
	quantum := float64(commonDivisor([][]point{stretch}, quantumBits))
	clock := fitLine(all, quantum)
	plane := fitPlane(stretch, quantum)
	isClock := believable(&clock) && clock.inliers*100 >= clock.total*85
	isPlane := plane.mixed(quantum)
	switch {
	case isPlane && (!isClock || plane.better(&clock)):
		return mixedVerdict(v, &plane, quantum), true
	case isClock && addressMoves(v, clock.hz):
		return verdict{}, false // most samples are from one of our addresses
	case isClock:
		out := clockVerdict(&clock, ClassGlobalClock)
		out.caution(v)
		out.beside(&clock)
		return out, true
	}
	return verdict{}, false
}

// believable reports whether the line is no coincidence and moves at all.
func believable(l *line) bool {
	if l.bits < lineBits || l.hz == 0 {
		return false
	}
	moved := 0
	for g, group := range l.groups {
		on := l.onLine(g)
		for i := 1; i < len(on); i++ {
			if group[on[i]].x != group[on[i-1]].x {
				moved++
			}
		}
	}
	return moved >= 2 && (!l.coarse() || l.ticks())
}

// mixed reports whether both a step and a clock are there: each stands clear
// of its error, and together they explain the samples.
func (p *plane) mixed(quantum float64) bool {
	if p.fit == nil || !p.apart || p.bits < lineBits || p.inliers*100 < p.total*85 {
		return false
	}
	hzErr := p.fit.standardError(1, p.reg)
	return math.Abs(p.step) > 5*p.stepErr && p.hz > 5*hzErr && p.outruns() &&
		math.Abs(p.step) > 0.5*quantum && math.Abs(p.hz) < maxHz
}

// outruns reports whether the clock's whole way is long beside what the plane
// leaves: random steps show a slow clock too, where a long gap happened to follow
// some larger ones. Few samples cover too little time to ask that.
func (p *plane) outruns() bool {
	if p.total < leastRandom {
		return true
	}
	sum := 0.0
	for _, r := range p.fit.resid {
		sum += r * r
	}
	rows := p.reg.rows
	way := p.hz * (rows[len(rows)-1][1] - rows[0][1])
	return way > 8*math.Sqrt(sum/float64(len(rows)))
}

// better reports whether the step explains what the clock alone leaves.
func (p *plane) better(l *line) bool {
	fit := l.regression().solve()
	return fit == nil || l.inliers*p.total < p.inliers*l.total || p.fit.scale < 0.7*fit.scale ||
		math.Abs(p.step) > 8*p.stepErr
}

// mixedVerdict reports a clock and a step.
func mixedVerdict(v *view, p *plane, quantum float64) verdict {
	out := verdict{class: ClassGlobalMixed, inputs: []string{"time"}, confidence: sure(min(p.bits, 3*math.Abs(p.step)/(p.stepErr+1e-9), 3*p.hz/(p.fit.standardError(1, p.reg)+1e-9)))}
	step := math.Round(p.step/quantum) * quantum
	out.step = Some(int64(step))
	half := p.fit.interval(1, p.reg, rand.New(rand.NewPCG(seed1, uint64(len(v.points)))))
	out.clock = Some(Clock{Hz: p.hz, Low: p.hz - half, High: p.hz + half})
	out.name()
	hz, last := p.hz, v.points
	out.next = func(h []point) (craft.Seq, bool) {
		at := len(h)
		if at >= len(last) {
			return 0, false
		}
		d := step + hz*(last[at].t-h[at-1].t)
		return h[at-1].x.Add(uint32(int64(math.Round(d)))), true
	}
	out.note("counter", Warning, fmt.Sprintf("%.0f ± %.0f a connection, %.1f ± %.1f a second, %d of %d samples fit", p.step, 2*p.stepErr, p.hz, half, p.inliers, p.total),
		"One counter for everybody grows with each connection and with time: one connection tells about where the next begins.")
	return out
}

// seed1 makes the bootstrap repeatable.
const seed1 = 0x9e3779b97f4a7c15

// clockVerdict reports a line and the interval of its rate.
func clockVerdict(l *line, class Class) verdict {
	out := verdict{class: class, line: l, inputs: []string{"time"}, confidence: sure(l.bits)}
	reg := l.regression()
	if fit := reg.solve(); fit != nil {
		half := fit.interval(0, reg, rand.New(rand.NewPCG(seed1, uint64(l.total))))
		out.clock = Some(Clock{Hz: l.hz, Low: l.hz - half, High: l.hz + half})
		out.name()
	}
	if class == ClassGlobalClock {
		out.note("global-clock", Warning, l.evidence(), "One clock gives every connection its number, whoever asks: one connection tells the numbers of all.")
	} else {
		out.note("tuple-clock", Info, l.evidence(), "Each four-tuple has its own line on one clock: what we see on ours says nothing about another's (RFC 6528).")
	}
	return out
}

// evidence says how well the line fits.
func (l *line) evidence() string {
	lines := "one line"
	if n := len(l.groups); n > 1 {
		lines = fmt.Sprintf("%d lines", n)
	}
	return fmt.Sprintf("%d of %d samples on %s of %.6g counts a second, %.0f bits against chance", l.inliers, l.total, lines, l.hz, l.bits)
}

// nameable is how wide an interval may be, as a share of the rate, for a
// nominal inside it to mean anything.
const nameable = 0.05

// name names the nominal rate, if a narrow interval holds exactly one.
func (v *verdict) name() {
	c := &v.clock.Value
	if c.High-c.Low > nameable*c.Hz {
		return
	}
	held := -1
	for i, n := range nominals {
		if n.hz >= c.Low && n.hz <= c.High {
			if held >= 0 {
				return
			}
			held = i
		}
	}
	if held >= 0 {
		c.Nominal = nominals[held].hz
		v.note("clock-rate", Info, fmt.Sprintf("%.1f to %.1f counts a second", c.Low, c.High),
			"The rate is the one of %s.", nominals[held].name)
	}
}

// caution lowers the confidence where a step could hide in the rate.
func (v *verdict) caution(w *view) {
	if u := unevenness(w.stretch()); u < leastUneven {
		v.confidence = min(v.confidence, 0.6)
		v.note("uniform-spacing", Notice, fmt.Sprintf("gaps spread by %.2f of their mean", u),
			"The samples are evenly spaced: growth per connection and growth per second cannot be told apart. Both kinds of gap would.")
	}
}

// detectTupleClock finds one line a tuple, all of one rate, with offsets that
// have nothing to do with each other. Where the port does not matter but the
// address does, the lines are one an address.
func detectTupleClock(v *view) (verdict, bool) {
	if !v.timed {
		return verdict{}, false
	}
	if out, ok := patiently(v, addressClock); ok {
		return out, true
	}
	return patiently(v, portClock)
}

// portClock looks for one line a tuple.
func portClock(v *view) (verdict, bool) {
	groups := v.repeated(2)
	if longest(groups) < 4 || len(v.tuples) < 2 {
		return verdict{}, false
	}
	l := fitLine(groups, float64(commonDivisor(groups, quantumBits)))
	if !believable(&l) || l.inliers*100 < l.total*80 {
		return verdict{}, false
	}
	out := clockVerdict(&l, ClassTupleClock)
	out.inputs = append(out.inputs, "port")
	if addressMoves(v, l.hz) {
		out.inputs = append(out.inputs, "address")
	}
	return out, out.beside(&l) < 2
}

// beside looks for points that are far off the line and have no explanation: one
// may come from another machine, more do. It returns their number.
func (v *verdict) beside(l *line) int {
	strangers := v.leftovers(l)
	if strangers > 0 {
		v.class, v.confidence = ClassMixed, min(v.confidence, 1-0.15/float64(strangers*strangers))
		v.flags = append(v.flags, FlagMultiBackend)
		v.note("several-backends", Notice, l.evidence(), "%d numbers are far off the line that the others are on: another machine may have answered.", strangers)
	}
	return strangers
}

// addressMoves reports whether the same port of two of our addresses is on two
// lines of the rate.
func addressMoves(v *view, hz float64) bool {
	firsts := v.firsts()
	for i := range firsts {
		for j := range firsts[:min(i, quadratic)] {
			a, b := &firsts[i], &firsts[j]
			if !a.sample.SrcPort.OK || a.sample.SrcPort != b.sample.SrcPort || a.sample.Src == b.sample.Src {
				continue
			}
			l := line{hz: hz, quantum: 1}
			if math.Abs(l.off(b, a)) > farOff*(l.tolerance(a)+l.tolerance(b)) {
				return true
			}
		}
	}
	return false
}

// longest is the size of the largest group.
func longest(groups [][]point) int {
	n := 0
	for _, g := range groups {
		n = max(n, len(g))
	}
	return n
}

// addressClock looks for one line an address across ports.
func addressClock(v *view) (verdict, bool) {
	groups := v.byAddress()
	if len(groups) < 2 || longest(groups) < 4 {
		return verdict{}, false
	}
	l := fitLine(groups, 1)
	if !believable(&l) || l.inliers*100 < l.total*85 {
		return verdict{}, false
	}
	out := clockVerdict(&l, ClassTupleClock)
	out.inputs = append(out.inputs, "address")
	if severalPorts(v) {
		out.note("port-not-hashed", Warning, l.evidence(), "The source port does not move the number: RFC 6528 asks for both addresses and both ports.")
	}
	return out, true
}

// severalPorts reports whether one address was sampled on more than one port.
func severalPorts(v *view) bool {
	for _, g := range v.byAddress() {
		for i := range g {
			if g[i].sample.SrcPort != g[0].sample.SrcPort {
				return true
			}
		}
	}
	return false
}

// byAddress groups the points by source address.
func (v *view) byAddress() [][]point {
	index := make(map[string]int)
	var groups [][]point
	for _, p := range v.points {
		src := p.sample.Src.String()
		i, ok := index[src]
		if !ok {
			i = len(groups)
			index[src] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// farOff is the distance from a line, in tolerances, that jitter cannot make.
const farOff = 12

// leftovers explains points that no line holds: an exact repeat is a half-open
// socket that outlived our reset, a step of about 65,537 is Linux leaving
// TIME_WAIT (net/ipv4/tcp_minisocks.c, tcp_timewait_state_process). It returns
// the number of those that are far off and stay unexplained.
func (v *verdict) leftovers(l *line) (strangers int) {
	for g, group := range l.groups {
		for i := range group {
			if l.in[g][i] {
				continue
			}
			d := int32(-1)
			if i > 0 {
				d = group[i].x.Sub(group[i-1].x)
			}
			switch {
			case d == 0:
				v.flags = append(v.flags, FlagStaleHalfOpen)
			case d >= 65_535 && d <= 65_600:
				v.flags = append(v.flags, FlagTimeWaitReuse)
			case math.Abs(l.resid[g][i]) > farOff*l.tolerance(&group[i]):
				strangers++
			}
		}
	}
	return strangers
}
