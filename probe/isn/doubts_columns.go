package isn

import (
	"cmp"
	"slices"

	"synscope/craft"
)

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

// unseenTupleDoubts are those of samples without ports.
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
		if !s.found.nextKnown {
			add(0, missing, ClassWeakRandom, ClassTupleConstant, ClassMixed)
		}
	case ClassRepeating:
		add(unseenTuples, missing, ClassRepeating, ClassTupleRandomIncrement)
	}
}

// unseenTuples is the confidence in a class that all tuples share, where the samples do not
// say of which tuples they are.
const unseenTuples = 0.89

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
		if s.ledger == nil && !s.found.nextKnown && clumped(s.view) {
			add(0, missing, ClassWeakRandom, ClassGlobalStep, ClassGlobalClock, ClassRandomIncrement)
		}
	}
}

// unseenTimes is the confidence in a step where the samples have no times: a clock that ticks
// in step with even sampling looks the same.
const unseenTimes = 0.89

// clumped reports whether the numbers lie within a quarter of the sequence space, or in a few
// small parts of it, as those of one counter or a few do in whatever order.
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
	case s.class == ClassRandom, s.class == ClassWeakRandom && !s.found.nextKnown, s.class == ClassMixed && s.drift == nil:
		add(0, "our own sequence numbers (client_isn)", s.class, ClassSYNCookies)
	}
}

// stepsWithClient reports whether every number is our ISN plus a constant of its tuple, though
// ours varied: where ours went up in steps, a counter explains that as well as a cookie.
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

// known reports whether every answered sample has what is asked for.
func (v *view) known(has func(*Sample) bool) bool {
	return !slices.ContainsFunc(v.points, func(p point) bool { return !has(p.sample) })
}
