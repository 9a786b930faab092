package isn

import (
	"fmt"
	"math"
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
		case s.class == ClassRandom, s.class == ClassWeakRandom && s.found.next == nil, s.class == ClassMixed && s.drift == nil:
			add(0, "our own sequence numbers (client_isn)", s.class, ClassSYNCookies)
		}
	}
	if s.class == ClassGlobalClock && len(v.points) > 2 && unevenness(v.points) < leastUneven {
		add(0.6, "gaps of more than one length", ClassGlobalClock, ClassGlobalStep, ClassGlobalMixed)
	}
	if strays := s.machinesOf(v).strays; strays > 0 && s.class != ClassMixed && s.drift != nil && strays*straysTold > len(v.points) {
		add(oneStray, "more samples", s.class, ClassMixed)
	}
	if s.class == ClassGlobalStep && s.steps != nil && s.steps.rate > 0 {
		add(busyStep, "a longer run", ClassGlobalStep, ClassGlobalMixed)
	}
	if s.class == ClassRandom {
		v.randomDoubts(add)
	}
	return list
}

// busyStep is the confidence in a step beside which others' connections are seen: a
// slow timer that adds steps looks nearly the same.
const busyStep = 0.9

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
const unseenTuples = 0.9

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
	if ports {
		return
	}
	switch s.class {
	case ClassMixed:
		add(0, missing, ClassMixed, ClassTupleClock, ClassTupleRandomIncrement, ClassTupleConstant)
	case ClassWeakRandom:
		if s.found.next == nil {
			add(0, missing, ClassWeakRandom, ClassTupleConstant, ClassMixed)
		}
	}
}

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
			add(0, missing, ClassGlobalStep, ClassGlobalMixed)
		}
	case ClassMixed:
		if s.steps == nil && s.name == "random steps" {
			add(0, missing, ClassMixed, ClassTupleClock)
		}
	}
}

// exact reports whether every step of a counter was one of ours.
func (s *standing) exact() bool {
	if s.steps == nil {
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
