package isn

// growthDoubts are those about what makes a counter that all tuples share grow.
func (v *view) growthDoubts(s *standing, add doubting) {
	switch {
	case s.steps != nil && s.steps.a != 0 && v.timed && s.keepsTime():
		add(0, "gaps of more than one length", s.class, cond(s.key == 0, ClassGlobalClock, ClassTupleClock))
	case s.class == ClassGlobalStep && s.steps != nil && (s.steps.rate > 0 || s.steps.a == 0 && len(v.points) < leastRandom):
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
	case s.class == ClassRepeating && v.startsAlike():
		add(0, "one source port for longer", ClassRepeating, ClassTupleRandomIncrement)
	case s.class == ClassRandomIncrement && s.ledger != nil && s.stands():
		add(0, "a longer run", ClassRandomIncrement, ClassGlobalClock)
	case s.class == ClassRandomIncrement && v.timed:
		even := v.even()
		if s.risesWithTime() {
			add(0, "more samples", ClassRandomIncrement, ClassGlobalStep)
		}
		if s.band != nil && s.band.rate > 0 {
			add(cond(s.band.rate < hidesClock, busyStep, 0), "a time without other people's connections", ClassRandomIncrement, ClassGlobalMixed)
			return
		}
		grows, seen := s.growsWithTime()
		if !s.variesAtOnce() && (even || grows || !seen) {
			add(0, cond(even, "gaps of more than one length", "SYNs one right after the other"), ClassRandomIncrement, ClassGlobalMixed)
		}
	case s.class == ClassTupleRandomIncrement && v.timed && !s.shared():
		if grows, _ := s.growsWithTime(); grows {
			add(0, "a time without other people's connections", ClassTupleRandomIncrement, ClassRandomIncrement, ClassTupleClock)
		}
	case s.class == ClassWeakRandom && s.name == "store" && distinct(v.points) <= shortCycle:
		few := distinct(v.points) < leastStore && !v.drawsAtOnce() || len(v.points) < leastRandom
		add(cond(few, 0, busyStep), "a time without other people's connections", ClassWeakRandom, ClassRepeating)
	}
}

// startsAlike reports whether all tuples that were sampled again, three at least, began
// with one number and went on: then each may count for itself.
func (v *view) startsAlike() bool {
	starts := v.repeated(2)
	for _, g := range starts {
		if g[0].x != starts[0][0].x || g[1].x == g[0].x {
			return false
		}
	}
	return len(starts) >= repeatsTuples
}

// shortCycle is the size up to which a store of numbers may be a cycle of which other
// people's connections take some.
const shortCycle = 16

// leastStore is the size from which a store of numbers drawn at random is told from a cycle
// without SYNs right after one another: a shorter cycle of which other people take some
// looks drawn at random.
const leastStore = 10

// evenDoubts are those of samples that are evenly apart, or a handful.
func (v *view) evenDoubts(s *standing, add doubting) {
	if s.class == ClassGlobalClock && len(v.points) > 2 && unevenness(v.points) < leastUneven {
		add(evenClock, "gaps of more than one length", ClassGlobalClock, ClassGlobalStep, ClassGlobalMixed)
	}
	if growing[s.class] && s.ledger != nil && !s.constant() && v.timed && v.even() && !s.exact() {
		add(cond(s.class == ClassGlobalStep, busyStep, evenTuples), "gaps of more than one length", s.class, ClassGlobalMixed)
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

// hidesClock is how many connections of others a second hide a clock beside random steps.
const hidesClock = 20

// evenClock is that in a clock for everybody where the gaps are even: a step for each
// connection looks the same.
const evenClock = 0.68

// evenTuples is the confidence in a class of each tuple by itself where the gaps are even.
const evenTuples = 0.89

// growing are the classes whose numbers grow, and handful how many samples a few are.
var growing = map[Class]bool{ClassGlobalStep: true, ClassTupleClock: true, ClassTupleRandomIncrement: true, ClassMixed: true}

const handful = 8

// fitDoubts are those about a model that is the best and yet does not fit.
func (v *view) fitDoubts(s *standing, add doubting) {
	switch {
	case s.drift != nil && s.loose():
		add(0, "more samples", s.class, ClassRandomIncrement, ClassWeakRandom)
	case s.ledger != nil && !s.constant() && (s.repeatsTuples() || s.random() && s.onlyRepeats()):
		add(0, "more samples", s.class, ClassTupleConstant, ClassSYNCookies)
	case s.class == ClassWeakRandom && s.ledger == nil && !s.found.nextKnown && v.wanders():
		add(0, "more samples, and gaps of more than one length", ClassWeakRandom, ClassGlobalClock, ClassGlobalStep, ClassRandomIncrement)
	}
}
