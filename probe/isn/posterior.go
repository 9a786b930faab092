package isn

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// claimBits is the evidence from which a sentence may rest on it: two models
// that differ by it are told apart but for one case in a million.
const claimBits = 20

// surest is the highest confidence ever claimed: no simulation covers what
// the world holds.
const surest = 0.998

// posterior is the chance of a class whose description is so many bits shorter
// than that of the next one. A third of them is believed: rows share errors,
// and no model is exact.
func posterior(bits float64) float64 {
	return min(surest, 1-0.5*math.Exp2(-bits/3))
}

// rivalTo is the best standing of another class.
func rivalTo(list []*standing) *standing {
	for _, s := range list[1:] {
		if s.class != list[0].class && !math.IsInf(s.bits, 1) {
			return s
		}
	}
	return nil
}

// doubt is why a class cannot be told from others, and which others.
type doubt struct {
	classes []Class
	missing string  // what is missing
	most    float64 // the highest confidence that is left; 0 for none at all
}

// doubts lists what the samples cannot tell about the best standing, for lack of
// columns or of anything that varied.
func (v *view) doubts(s *standing) (list []doubt) {
	add := func(most float64, missing string, classes ...Class) {
		list = append(list, doubt{classes, missing, most})
	}
	v.tupleDoubts(s, add)
	if !v.timed {
		timeDoubts(s, add)
	}
	if !v.known(func(s *Sample) bool { return s.ClientISN.OK }) {
		switch {
		case s.class == ClassRandom, s.class == ClassWeakRandom && !s.found.told, s.class == ClassMixed && s.drift == nil:
			add(0, "our own sequence numbers (client_isn)", s.class, ClassSYNCookies)
		}
	}
	if s.class == ClassGlobalClock && len(v.points) > 2 && unevenness(v.points) < leastUneven {
		add(0.6, "gaps of more than one length", ClassGlobalClock, ClassGlobalStep, ClassGlobalMixed)
	}
	m := s.machinesOf(s.view)
	few := len(v.points) < leastRandom && s.ledger != nil && !s.constant()
	if s.class != ClassMixed && (s.drift != nil || few) && (m.count > 1 || m.strays*straysTold > len(v.points)) {
		add(oneStray, "more samples", s.class, ClassMixed)
	}
	if s.ledger != nil && s.drift == nil && !s.constant() && s.class != ClassMixed && m.strays*straysMany > s.ledger.count[joined] && m.strays > straysFew {
		add(0, "more samples", s.class, ClassMixed, ClassWeakRandom)
	}
	if s.found.told && s.class == ClassWeakRandom && s.found.saved < generatorShare*v.plainBits() {
		add(oneStray, "more samples", ClassWeakRandom, ClassMixed)
	}
	if s.class == ClassWeakRandom && s.ledger == nil && !s.found.told && v.timed && v.wanders() {
		add(0, "more samples, and gaps of more than one length", ClassWeakRandom, ClassGlobalClock, ClassGlobalStep, ClassRandomIncrement)
	}
	v.growthDoubts(s, add)
	if growing[s.class] && s.ledger != nil && !s.constant() && v.timed && v.even() && !s.exact() {
		add(busyStep, "gaps of more than one length", s.class, ClassGlobalMixed)
	}
	if s.class == ClassGlobalStep && len(v.points) < handful {
		add(busyStep, "more samples", ClassGlobalStep, ClassMixed, ClassGlobalMixed)
	}
	if s.class == ClassRandom {
		v.randomDoubts(add)
	}
	return list
}

// busyStep is the confidence in a step beside which others' connections are seen: a
// slow timer that adds steps looks nearly the same.
const busyStep = 0.75

// A counter of which more than one number in straysMany follows from none before, but
// for straysFew, may be no counter. A generator whose state gives less than
// generatorShare of the numbers may be one machine of several.
const (
	straysMany     = 5
	straysFew      = 3
	generatorShare = 0.7
)

// wanders reports whether numbers that look drawn from a few go with the order in
// which they came: then they are on their way somewhere.
func (v *view) wanders() bool {
	var x, y []float64
	for i := range v.points {
		x, y = append(x, float64(i)), append(y, float64(v.points[i].x.Sub(v.points[0].x)))
	}
	r := correlation(x, y)
	return len(x) >= 6 && r*r*float64(len(x)-2) > 2*timely*(1-r*r)
}

// growing are the classes whose numbers grow, and handful how many samples a few are.
var growing = map[Class]bool{ClassGlobalStep: true, ClassTupleClock: true, ClassTupleRandomIncrement: true, ClassMixed: true}

const handful = 8

// even reports whether nearly all gaps between direct successors are as long: then
// the count of connections and the time go together.
func (v *view) even() bool {
	var gaps []float64
	for i := 1; i < len(v.points); i++ {
		if v.points[i].k == v.points[i-1].k+1 {
			gaps = append(gaps, v.points[i].t-v.points[i-1].t)
		}
	}
	if len(gaps) < 3 {
		return true
	}
	slices.Sort(gaps)
	return gaps[len(gaps)*9/10] < 1.5*gaps[len(gaps)/10]+1e-3
}

// growthDoubts are those about what makes a counter for everybody grow.
func (v *view) growthDoubts(s *standing, add func(float64, string, ...Class)) {
	switch {
	case s.steps != nil && s.steps.a != 0 && v.timed && s.keepsTime():
		add(0, "gaps of more than one length", s.class, cond(s.key == 0, ClassGlobalClock, ClassTupleClock))
	case s.class == ClassGlobalStep && s.steps != nil && s.steps.rate > 0:
		add(busyStep, "a longer run", ClassGlobalStep, ClassGlobalMixed)
	case s.class == ClassGlobalStep && s.steps != nil && len(v.points) < leastRandom && (!v.timed || unevenness(v.points) < leastUneven):
		add(busyStep, "gaps of more than one length", ClassGlobalStep, ClassGlobalMixed)
	case s.class == ClassGlobalStep && s.steps == nil:
		if len(v.points) < leastRandom || unevenness(v.points) < leastUneven {
			add(0, "more samples, and gaps of more than one length", ClassGlobalStep, ClassGlobalMixed, ClassRandomIncrement)
		}
	case s.class == ClassRandomIncrement && v.timed:
		even := v.even()
		if s.risesWithTime() {
			add(0, "more samples", ClassRandomIncrement, ClassGlobalStep)
		}
		grows, seen := s.growsWithTime()
		if !s.variesAtOnce() && (even || grows || !seen) {
			add(0, cond(even, "gaps of more than one length", "SYNs one right after the other"), ClassRandomIncrement, ClassGlobalMixed)
		}
	case s.class == ClassTupleRandomIncrement && v.timed && s.steps == nil:
		if grows, _ := s.growsWithTime(); grows {
			add(0, "a time without other people's connections", ClassTupleRandomIncrement, ClassRandomIncrement, ClassTupleClock)
		}
	case s.class == ClassWeakRandom && s.name == "store" && distinct(v.points) <= shortCycle:
		few := len(v.points) < leastRandom
		add(cond(few, 0, busyStep), "a time without other people's connections", ClassWeakRandom, ClassRepeating)
	}
}

// cond is a where c holds, else b.
func cond[T any](c bool, a, b T) T {
	if c {
		return a
	}
	return b
}

// timely is the square of the t statistic from which steps are said to go with the
// time since the last one.
const timely = 12

// growsWithTime reports whether the steps of a counter are the longer the more time
// has passed: a clock, or other people's connections, move it too. seen is whether
// the samples could show it.
func (s *standing) growsWithTime() (grows, seen bool) {
	var x, y []float64
	s.along(func(was, p *point) {
		if p.k == was.k+1 || s.key != 0 {
			x, y = append(x, p.t-was.t), append(y, float64(uint32(p.x-was.x)))
		}
	})
	if len(x) < 6 {
		return false, false
	}
	mean, deviation := meanAndDeviation(x)
	if deviation < leastUneven*mean {
		return false, false
	}
	r := correlation(x, y)
	return r > 0 && r*r*float64(len(x)-2) > timely*(1-r*r), true
}

// keepsTime reports whether the steps of a counter came as evenly as ticks: then a
// clock that moves by as much at once, or by a part of it, explains them as well. On a
// line of even ticks no number is further than one of them from where it should be.
func (s *standing) keepsTime() bool {
	step := float64(magnitude(s.steps.a))
	steps, time, unsure := 0.0, 0.0, 0.0
	s.along(func(was, p *point) {
		steps, time = steps+float64(magnitude(p.x.Sub(was.x)))/step, time+p.t-was.t
		unsure = max(unsure, p.u)
	})
	if steps == 0 {
		return false
	}
	period := time / steps
	at, low, high := map[[2]int]float64{}, map[[2]int]float64{}, map[[2]int]float64{}
	s.along(func(was, p *point) {
		strand := s.strandAt(p.row)
		at[strand] += p.t - was.t - period*float64(magnitude(p.x.Sub(was.x)))/step
		low[strand], high[strand] = min(low[strand], at[strand]), max(high[strand], at[strand])
	})
	for strand := range at {
		if high[strand]-low[strand] > period+2*unsure {
			return false
		}
	}
	return true
}

// strandAt names the strand of the point at i.
func (s *standing) strandAt(i int) [2]int { return [2]int{s.ledger.groups.of[i], s.ledger.strand[i]} }

// risesWithTime reports whether the steps of a counter grow as time goes by, as those
// of a step that counts time do.
func (s *standing) risesWithTime() bool {
	var x, y []float64
	s.along(func(was, p *point) { x, y = append(x, p.t), append(y, float64(uint32(p.x-was.x))) })
	r := correlation(x, y)
	return len(x) >= 6 && r > 0 && r*r*float64(len(x)-2) > 2*timely*(1-r*r)
}

// variesAtOnce reports whether the steps of connections right after one another
// differ by more than time, a common step or other people's connections could make
// them: then they are random.
func (s *standing) variesAtOnce() bool {
	var close []float64
	grown, time := 0.0, 0.0
	s.along(func(was, p *point) {
		d, dt := float64(uint32(p.x-was.x)), p.t-was.t
		grown, time = grown+d, time+dt
		if p.k == was.k+1 && dt < closeGap {
			close = append(close, d)
		}
	})
	if len(close) < leastClose {
		return false
	}
	step, slack := slices.Min(close), 2+grown/time*closeGap
	odd := 0
	for _, d := range close {
		if math.Abs(d-step*math.Round(d/step)) > slack {
			odd++
		}
	}
	return odd >= leastClose-1 && 2*odd >= len(close)-1
}

// shortCycle is up to how many numbers a store may be a cycle through which other
// people's connections skip.
const shortCycle = 16

// closeGap is the longest time, in s, between connections right after one another,
// and leastClose how many of them are needed.
const (
	closeGap   = 5e-3
	leastClose = 4
)

// oneStray is the confidence in one clock where a number lies off it, unless there
// are straysTold times as many samples: a second machine may have answered once.
const (
	oneStray   = 0.8
	straysTold = 40
)

// known reports whether every answered sample has what is asked for.
func (v *view) known(has func(*Sample) bool) bool {
	for i := range v.points {
		if !has(v.points[i].sample) {
			return false
		}
	}
	return true
}

// unseenTuples is the confidence in what is said of everybody's numbers where
// nobody wrote down which tuples the samples are of.
const unseenTuples = 0.89

// tupleDoubts are those about which tuples share what was seen.
func (v *view) tupleDoubts(s *standing, add func(float64, string, ...Class)) {
	ports := v.known(func(s *Sample) bool { return s.SrcPort.OK })
	missing, most := "more than one source port", 0.0
	if !ports {
		missing, most = "source ports (sport)", unseenTuples
	}
	if len(v.tuples) == 1 {
		switch s.class {
		case ClassConstant:
			add(most, missing, ClassConstant, ClassTupleConstant)
		case ClassGlobalClock, ClassGlobalMixed:
			add(0, missing, s.class, ClassTupleClock)
		case ClassRandomIncrement:
			add(0, missing, ClassRandomIncrement, ClassTupleRandomIncrement)
		case ClassGlobalStep:
			add(unseenTuples, missing, ClassGlobalStep, ClassTupleRandomIncrement)
		}
	}
	if !ports || v.known(func(s *Sample) bool { return s.Src.IsValid() }) {
		v.unseenTupleDoubts(s, ports, add)
		return
	}
	if s.class == ClassMixed {
		add(0, "our addresses (src)", ClassMixed, ClassTupleClock, ClassTupleRandomIncrement, ClassTupleConstant)
	}
}

// unseenTupleDoubts are those of samples whose ports nobody wrote down.
func (v *view) unseenTupleDoubts(s *standing, ports bool, add func(float64, string, ...Class)) {
	const missing = "source ports (sport)"
	if ports {
		return
	}
	switch s.class {
	case ClassMixed:
		add(0, missing, ClassMixed, ClassTupleClock, ClassTupleRandomIncrement, ClassTupleConstant)
	case ClassSYNCookies:
		if s.ledger != nil && s.moves&byClient == 0 {
			add(0, missing, ClassSYNCookies, ClassTupleConstant)
		}
	case ClassWeakRandom:
		if !s.found.told {
			add(0, missing, ClassWeakRandom, ClassTupleConstant, ClassMixed)
		}
	}
}

// unseenTimes is the confidence in a step where nobody wrote down when each number
// came: a clock that ticks in step with even sampling looks the same.
const unseenTimes = 0.89

// timeDoubts are those of samples without times.
func timeDoubts(s *standing, add func(float64, string, ...Class)) {
	const missing = "times (sent_ns, received_ns)"
	switch s.class {
	case ClassRandomIncrement:
		add(0, missing, ClassRandomIncrement, ClassGlobalClock, ClassGlobalMixed)
	case ClassTupleRandomIncrement:
		add(0, missing, ClassTupleRandomIncrement, ClassTupleClock)
	case ClassRandom:
		add(0, missing, ClassRandom, ClassTupleClock)
	case ClassGlobalStep:
		if !s.exact() {
			add(busyStep, missing, ClassGlobalStep, ClassGlobalMixed)
		}
		add(unseenTimes, missing, ClassGlobalStep, ClassGlobalClock)
	case ClassMixed:
		if s.ledger != nil && !s.constant() {
			add(0, missing, ClassMixed, ClassTupleClock, ClassGlobalClock)
		}
	}
}

// exact reports whether every step of a counter was one of ours.
func (s *standing) exact() bool {
	if s.steps == nil || s.steps.a == 0 {
		return false
	}
	ok := true
	s.along(func(was, p *point) {
		d := magnitude(p.x.Sub(was.x)) / magnitude(s.steps.a)
		ok = ok && d <= uint32(max(p.k-was.k, 1))
	})
	return ok
}

// randomDoubts are those about randomness: what the samples would not have shown.
func (v *view) randomDoubts(add func(float64, string, ...Class)) {
	if len(v.points) < leastRandom {
		add(0, fmt.Sprintf("%d samples at least", leastRandom), ClassRandom, ClassWeakRandom, ClassTupleClock)
	}
	if longest(v.repeated(2)) < leastRandomSame {
		add(0, "one source port several times", ClassRandom, ClassTupleClock, ClassTupleRandomIncrement, ClassTupleConstant, ClassSYNCookies)
	}
	if len(v.tuples) < leastRandomPorts {
		add(0, "more source ports", ClassRandom, ClassMixed)
	}
	add(randomConfidence(len(v.points)), "", ClassRandom, ClassWeakRandom)
	if !repeatsSYN(v) {
		add(unladdered, "one SYN twice, the client ISN and all (the options ladder sends it)", ClassRandom, ClassSYNCookies)
	}
}

// words are the classes of a doubt as they are named together.
func (d *doubt) words() string {
	names := make([]string, len(d.classes))
	for i, c := range d.classes {
		names[i] = c.String()
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
