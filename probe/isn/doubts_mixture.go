package isn

import "math"

// mixtureDoubts are those about one generator beside which others may have answered.
func (v *view) mixtureDoubts(s *standing, add doubting) {
	switch {
	case s.class == ClassMixed:
		v.severalDoubts(s, add)
		return
	case s.found.nextKnown && !s.found.whole && s.class == ClassWeakRandom && s.found.saved < generatorShare*v.plainBits():
		add(withStrays, "more samples", ClassWeakRandom, ClassMixed)
		return
	case s.ledger == nil:
		return
	}
	m := s.machinesOf(s.view)
	if s.class == ClassSYNCookies && !v.seesTuples() && m.strays*straysMany > s.ledger.count[joined] {
		add(withStrays, "source ports (sport) and addresses (src)", s.class, ClassMixed)
	}
	few := len(v.points) < leastRandom && !s.constant()
	if (s.drift != nil || few) && (m.count > 1 || m.strays*straysTold > len(v.points)) {
		add(cond(s.key == 0, withStrays, withStraysEach), "more samples", s.class, ClassMixed)
	}
	if s.drift == nil && !s.constant() && m.strays*straysMany > s.ledger.count[joined] {
		add(cond(m.strays > straysFew, 0, withStraysEach), "more samples", s.class, ClassMixed, ClassWeakRandom)
	}
}

// severalDoubts are those about a mixture: one of random steps explains nearly anything, and
// a line on which some tuples always are and others never is not one machine among several.
func (v *view) severalDoubts(s *standing, add doubting) {
	if s.ledger == nil {
		return
	}
	m := s.machinesOf(s.view)
	grows, _ := s.growsWithTime()
	switch {
	case s.random():
		lost := m.strays*straysMany > s.ledger.count[joined] || m.count > fewMachines || v.timed && grows
		add(cond(lost, 0, withStraysEach), "more samples", s.class, ClassTupleClock, ClassWeakRandom)
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

// withStrays is the confidence in one generator for everybody where numbers stray from it,
// and withStraysEach that in one for each tuple, unless there are straysTold times as many
// samples: a second machine may have answered once.
const (
	withStrays     = 0.89
	withStraysEach = 0.8
	straysTold     = 40
)

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
