package isn

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"synscope/craft"
)

// doubt is why a class cannot be told from others, and which others.
type doubt struct {
	classes []Class
	missing string  // what is missing
	most    float64 // the highest confidence that is left; 0 for none at all
}

// doubting takes a doubt: the confidence that it leaves, what is missing and the classes.
type doubting func(most float64, missing string, classes ...Class)

// doubts lists what the samples cannot tell about the best standing, for lack of
// columns, of anything that varied, or of a model that fits.
func (v *view) doubts(s *standing) (list []doubt) {
	add := func(most float64, missing string, classes ...Class) {
		list = append(list, doubt{classes, missing, most})
	}
	v.tupleDoubts(s, add)
	if !v.timed {
		timeDoubts(s, add)
	}
	v.clientDoubts(s, add)
	v.mixtureDoubts(s, add)
	v.fitDoubts(s, add)
	v.growthDoubts(s, add)
	v.evenDoubts(s, add)
	if s.class == ClassRandom {
		v.randomDoubts(add)
	}
	return list
}

// clientDoubts are those of samples without our own numbers, or that gave each tuple
// one number of ours: what is computed from our SYN is then the same each time.
func (v *view) clientDoubts(s *standing, add doubting) {
	if v.known(func(s *Sample) bool { return s.ClientISN.OK }) {
		if s.class == ClassTupleConstant && v.groups(byTuple|byClient).n <= v.groups(byTuple).n {
			add(0, "another client ISN on a source port that was sampled before", s.class, ClassSYNCookies)
		}
		if !isCookie(s.class) && v.stepsWithClient() {
			add(0, "client ISNs that do not go in the same steps", s.class, ClassSYNCookies)
		}
		return
	}
	switch {
	case s.class == ClassTupleConstant:
		add(unseenTuples, "our own sequence numbers (client_isn)", s.class, ClassSYNCookies)
	case s.class == ClassRandom, s.class == ClassWeakRandom && !s.found.told, s.class == ClassMixed && s.drift == nil:
		add(0, "our own sequence numbers (client_isn)", s.class, ClassSYNCookies)
	}
}

// stepsWithClient reports whether every number is ours plus what its tuple adds, though
// ours varied: where ours went up in steps, that is no less a counter's doing than a
// cookie's.
func (v *view) stepsWithClient() bool {
	pairs := 0
	for _, g := range v.repeated(2) {
		for i := 1; i < len(g); i++ {
			if g[i].offset() != g[0].offset() {
				return false
			}
			if g[i].sample.ClientISN != g[i-1].sample.ClientISN {
				pairs++
			}
		}
	}
	return pairs >= leastHeldOut
}

// mixtureDoubts are those about one generator beside which others may have answered.
func (v *view) mixtureDoubts(s *standing, add doubting) {
	switch {
	case s.class == ClassMixed:
		v.severalDoubts(s, add)
		return
	case s.found.told && s.class == ClassWeakRandom && s.found.saved < generatorShare*v.plainBits():
		add(oneStray, "more samples", ClassWeakRandom, ClassMixed)
		return
	case s.ledger == nil:
		return
	}
	m := s.machinesOf(s.view)
	if s.class == ClassSYNCookies && !v.seesTuples() && m.strays*straysMany > s.ledger.count[joined] {
		add(oneStray, "source ports (sport) and addresses (src)", s.class, ClassMixed)
	}
	few := len(v.points) < leastRandom && !s.constant()
	if (s.drift != nil || few) && (m.count > 1 || m.strays*straysTold > len(v.points)) {
		add(oneStray, "more samples", s.class, ClassMixed)
	}
	if s.drift == nil && !s.constant() && m.strays*straysMany > s.ledger.count[joined] {
		add(cond(m.strays > straysFew, 0, oneStray), "more samples", s.class, ClassMixed, ClassWeakRandom)
	}
}

// severalDoubts are those about a mixture: of random steps it explains nearly anything,
// and a line that some tuples are on and others never is no machine that answers now and
// then.
func (v *view) severalDoubts(s *standing, add doubting) {
	if s.ledger == nil {
		return
	}
	m := s.machinesOf(s.view)
	grows, _ := s.growsWithTime()
	switch {
	case s.random():
		lost := m.strays*straysMany > s.ledger.count[joined] || m.count > fewMachines || v.timed && grows
		add(cond(lost, 0, oneStray), "more samples", s.class, ClassTupleClock, ClassWeakRandom)
	case !s.constant() && (m.count > fewMachines && m.strays*straysMany > s.ledger.count[joined] || m.count > 1 && s.neighbours()):
		add(0, "more samples", s.class, ClassGlobalMixed, ClassWeakRandom)
	case m.strays > straysFew && s.partsTuples():
		add(0, "more samples of each source port", s.class, ClassTupleClock, ClassTupleRandomIncrement)
	}
}

// partsTuples reports whether the tuple decides if a number is on the model's strands or
// on none: telling which are is by partedBits shorter tuple by tuple. A model that has
// strands of its own for each tuple does not show it.
func (s *standing) partsTuples() bool {
	if s.ledger.groups.n == len(s.view.tuples) {
		return false
	}
	all, saved := onOff{prior: 0.5}, 0.0
	each := make([]onOff, len(s.view.tuples))
	for i := range s.view.points {
		t, off := &each[s.view.points[i].tuple], s.alone(i)
		t.prior = 0.1
		saved += all.bits(off) - t.bits(off)
	}
	return saved > partedBits
}

// partedBits is the evidence from which a tuple decides.
const partedBits = 4

// onOff is a code for one of two things (Krichevsky–Trofimov with a prior of its own).
type onOff struct{ n, off, prior float64 }

// bits prices the next, and learns from it.
func (c *onOff) bits(off bool) float64 {
	seen := cond(off, c.off, c.n-c.off)
	bits := math.Log2((c.n + 2*c.prior) / (seen + c.prior))
	c.n, c.off = c.n+1, c.off+cond(off, 1.0, 0)
	return bits
}

// fitDoubts are those about a model that is the best and yet does not fit.
func (v *view) fitDoubts(s *standing, add doubting) {
	switch {
	case s.drift != nil && s.loose():
		add(0, "more samples", s.class, ClassRandomIncrement, ClassWeakRandom)
	case s.ledger != nil && !s.constant() && (s.repeatsTuples() || s.random() && s.onlyRepeats()):
		add(0, "more samples", s.class, ClassTupleConstant, ClassSYNCookies)
	case s.class == ClassWeakRandom && s.ledger == nil && !s.found.told && v.wanders():
		add(0, "more samples, and gaps of more than one length", ClassWeakRandom, ClassGlobalClock, ClassGlobalStep, ClassRandomIncrement)
	}
}

// evenDoubts are those of samples that are evenly apart, or a handful.
func (v *view) evenDoubts(s *standing, add doubting) {
	if s.class == ClassGlobalClock && len(v.points) > 2 && unevenness(v.points) < leastUneven {
		add(0.6, "gaps of more than one length", ClassGlobalClock, ClassGlobalStep, ClassGlobalMixed)
	}
	if growing[s.class] && s.ledger != nil && !s.constant() && v.timed && v.even() && !s.exact() {
		add(busyStep, "gaps of more than one length", s.class, ClassGlobalMixed)
	}
	if s.class == ClassGlobalMixed && s.drift != nil && s.drift.quantum <= 1 && v.even() {
		add(busyStep, "gaps of more than one length", ClassGlobalMixed, ClassGlobalStep, ClassGlobalClock)
	}
	if (s.class == ClassConstant || s.class == ClassRepeating) && len(v.points) < handful {
		add(unseenTimes, "a longer run", s.class, cond(s.class == ClassConstant, ClassGlobalClock, ClassWeakRandom))
	}
	if s.class == ClassGlobalStep && len(v.points) < handful {
		add(busyStep, "more samples", ClassGlobalStep, ClassMixed, ClassGlobalMixed)
	}
}

// busyStep is the confidence in a step beside which others' connections are seen: a
// slow timer that adds steps looks nearly the same.
const busyStep = 0.75

// A counter of which more than one number in straysMany follows from none before, but
// for straysFew, may be no counter; nor may one of which one number in repeatsMany is the
// one before on its tuple, on repeatsTuples of them: half-open connections do that, but
// not everywhere. A generator whose state gives less than generatorShare of the numbers
// may be one machine of several.
const (
	straysMany     = 5
	straysFew      = 3
	repeatsMany    = 4
	repeatsTuples  = 3
	generatorShare = 0.7
)

// growing are the classes whose numbers grow, and handful how many samples a few are.
var growing = map[Class]bool{ClassGlobalStep: true, ClassTupleClock: true, ClassTupleRandomIncrement: true, ClassMixed: true}

const handful = 8

// growthDoubts are those about what makes a counter for everybody grow.
func (v *view) growthDoubts(s *standing, add doubting) {
	switch {
	case s.steps != nil && s.steps.a != 0 && v.timed && s.keepsTime():
		add(0, "gaps of more than one length", s.class, cond(s.key == 0, ClassGlobalClock, ClassTupleClock))
	case s.class == ClassGlobalStep && s.steps != nil && s.steps.rate > 0:
		add(busyStep, "a longer run", ClassGlobalStep, ClassGlobalMixed)
	case s.class == ClassGlobalStep && s.steps != nil && len(v.points) < leastRandom && (!v.timed || unevenness(v.points) < leastUneven):
		add(busyStep, "gaps of more than one length", ClassGlobalStep, ClassGlobalMixed)
	case s.class == ClassGlobalStep && s.steps == nil:
		if s.steady() {
			add(busyStep, "a longer run", ClassGlobalStep, ClassGlobalMixed)
		}
		if len(v.points) < leastRandom || unevenness(v.points) < leastUneven {
			add(0, "more samples, and gaps of more than one length", ClassGlobalStep, ClassGlobalMixed, ClassRandomIncrement)
		}
	case s.class == ClassRandomIncrement && v.timed:
		even := v.even()
		if s.risesWithTime() {
			add(0, "more samples", ClassRandomIncrement, ClassGlobalStep)
		}
		if s.band != nil && s.band.rate > 0 {
			add(busyStep, "a time without other people's connections", ClassRandomIncrement, ClassGlobalMixed)
			return
		}
		grows, seen := s.growsWithTime()
		if !s.variesAtOnce() && (even || grows || !seen) {
			add(0, cond(even, "gaps of more than one length", "SYNs one right after the other"), ClassRandomIncrement, ClassGlobalMixed)
		}
	case s.class == ClassTupleRandomIncrement && v.timed:
		if grows, _ := s.growsWithTime(); grows {
			add(0, "a time without other people's connections", ClassTupleRandomIncrement, ClassRandomIncrement, ClassTupleClock)
		}
	case s.class == ClassWeakRandom && s.name == "store" && distinct(v.points) <= shortCycle:
		few := len(v.points) < leastRandom
		add(cond(few, 0, busyStep), "a time without other people's connections", ClassWeakRandom, ClassRepeating)
	}
}

// shortCycle is up to how many numbers a store may be a cycle through which other
// people's connections skip.
const shortCycle = 16

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
func (v *view) tupleDoubts(s *standing, add doubting) {
	ports := v.known(func(s *Sample) bool { return s.SrcPort.OK })
	missing, most := "more than one source port", 0.0
	if !ports {
		missing, most = "source ports (sport)", unseenTuples
	}
	if len(v.tuples) == 1 || ports && !v.varied(byPort) {
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
func (v *view) unseenTupleDoubts(s *standing, ports bool, add doubting) {
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
	case ClassRepeating:
		add(unseenTuples, missing, ClassRepeating, ClassTupleRandomIncrement)
	}
}

// unseenTimes is the confidence in a step where nobody wrote down when each number
// came: a clock that ticks in step with even sampling looks the same.
const unseenTimes = 0.89

// timeDoubts are those of samples without times.
func timeDoubts(s *standing, add doubting) {
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
	case ClassWeakRandom:
		if s.ledger == nil && !s.found.told && clumped(s.view) {
			add(0, missing, ClassWeakRandom, ClassGlobalStep, ClassGlobalClock, ClassRandomIncrement)
		}
	}
}

// clumped reports whether the numbers lie within a quarter of all that there are, or in a
// few small parts: those of a counter do, or of a few, in whatever order they were written
// down.
func clumped(v *view) bool {
	sorted := make([]craft.Seq, len(v.points))
	for i := range v.points {
		sorted[i] = v.points[i].x
	}
	slices.Sort(sorted)
	gaps := []uint32{uint32(sorted[0] - sorted[len(sorted)-1])}
	for i := 1; i < len(sorted); i++ {
		gaps = append(gaps, uint32(sorted[i]-sorted[i-1]))
	}
	slices.SortFunc(gaps, func(a, b uint32) int { return cmp.Compare(b, a) })
	sum := 0.0
	for _, gap := range gaps[:min(len(gaps), fewMachines)] {
		sum += float64(gap)
	}
	return float64(gaps[0]) >= 0.75*space || sum >= 0.95*space
}

// randomDoubts are those about randomness: what the samples would not have shown.
func (v *view) randomDoubts(add doubting) {
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
