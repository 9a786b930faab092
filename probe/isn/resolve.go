package isn

import "math"

// mixedPrior is what a mixture of two costs beside its numbers, in bits, and
// manyPrior each machine more than fewMachines.
const (
	mixedPrior  = 8
	manyPrior   = 40
	fewMachines = 4
)

// leastExplained is the share of the numbers that a mixture of two must explain, and
// manyExplained that of more.
const (
	leastExplained = 0.15
	manyExplained  = 0.6
)

// resolve names the class of a standing: a model whose numbers take several
// strands, or leave many aside, is a mixture.
func (s *standing) resolve(deep bool) {
	if s.ledger == nil || s.class == ClassMixed || s.class == ClassRepeating {
		return
	}
	if s.class == ClassSYNCookies {
		s.resolveCookie()
		if !s.view.seesTuples() {
			return
		}
	}
	m := s.machinesOf(s.view)
	if s.class == ClassTupleConstant && m.homes > 0 && s.byOffer() {
		s.class, s.name, s.moves = ClassSYNCookies, "a hash of the tuple and our options", byOptions
		return
	}
	if s.shared() {
		if m.count > 1 || s.leavesMuch() {
			s.bits = math.Inf(1)
		}
		return
	}
	several := s.several(&m)
	if several && s.contradicted() {
		s.single()
		return
	}
	aside := s.aside(&m, deep)
	switch {
	case s.class == ClassConstant && m.count > 1 && !aside:
		s.bits = math.Inf(1) // a store of numbers
	case several, aside:
		s.mix(&m)
	}
}

// resolveCookie drops a cookie that was seen to hold too seldom. Where nobody wrote down
// the tuples, the first number of each of them is one that strays.
func (s *standing) resolveCookie() {
	if s.moves&byClient == 0 {
		return
	}
	strays, minutes := s.ledger.count[strayed], 0
	if !s.view.seesTuples() {
		strays = 0
	}
	for i, b := range s.ledger.bits {
		if s.ledger.fates[i] == joined && b > minuteBits {
			minutes++
		}
	}
	if n := s.ledger.count[joined] - minutes; n < strays+2 || n < minutes {
		s.bits = math.Inf(1)
	}
}

// mix makes the standing a mixture of the machines.
func (s *standing) mix(m *machines) {
	s.class = ClassMixed
	s.bits += mixedPrior + manyPrior*float64(max(m.count-fewMachines, 0))
	on, off := s.explained(2 * m.count)
	if float64(on) < cond(m.count > 2, manyExplained, leastExplained)*float64(on+off) {
		s.bits = math.Inf(1)
	}
}

// explained counts the numbers that the model explains and those that it does not, in
// groups of so many numbers at least: in smaller ones most machines answer once.
func (s *standing) explained(least int) (on, off int) {
	size := make([]int, s.ledger.groups.n)
	for _, g := range s.ledger.groups.of {
		size[g]++
	}
	for i, f := range s.ledger.fates {
		switch {
		case size[s.ledger.groups.of[i]] < least:
		case f == joined:
			on++
		case s.alone(i):
			off++
		}
	}
	return on, off
}

// several reports whether the strands are several machines'. Numbers on a second line
// of a clock show that by coming back once, others only by doing so often.
func (s *standing) several(m *machines) bool {
	if m.count < 2 || m.rows == 0 || s.constant() && m.returns < 2 {
		return false
	}
	return m.returns > 0 && m.count == 2 && s.drift != nil && s.drift.step == 0 || m.proof >= claimBits
}

// contradicted reports whether several machines are no explanation: other people's
// connections and several machines together explain anything, and a counter does not
// stand still.
func (s *standing) contradicted() bool {
	switch {
	case s.constant():
		return false
	case s.drift != nil && s.drift.busy:
		return true
	case s.drift == nil && s.stands():
		return true
	}
	return s.neighbours()
}

// shared reports whether groups have offsets of their own above one counter of steps.
func (s *standing) shared() bool { return s.steps != nil && s.steps.shared }

// single fits the model again with one strand in each group. Clocks that other people's
// connections move on are dropped.
func (s *standing) single() {
	if s.drift != nil || s.stands() {
		s.bits = math.Inf(1)
		return
	}
	was := s.ledger.total
	s.ledger = followed(s.view, s.key, s.fresh(), 1)
	s.bits += s.ledger.total - was
}

// leastApart is how far apart the counters of two machines are, but for one pair in
// several hundred: they began at different times, or at random.
const leastApart = 1 << 22

// neighbours reports whether the strands run beside each other: then they are one
// generator that jumps. Where the numbers went from one strand to another tells.
func (s *standing) neighbours() bool {
	near, far, last := 0, 0, make([]int, s.ledger.groups.n)
	for i := range s.view.points {
		g, j := s.ledger.groups.of[i], s.ledger.strand[i]
		if j < 0 || s.ledger.all[g][j].n < 2 {
			continue
		}
		was := last[g] - 1
		if last[g] = i + 1; was < 0 || s.ledger.strand[was] == j {
			continue
		}
		if math.Abs(wrap(s.place(i)-s.place(was))) < leastApart {
			near++
		} else {
			far++
		}
	}
	return near > 2*far
}

// place is where the strand of the point at i is: of a clock its line, of other counters
// the number.
func (s *standing) place(i int) float64 {
	if s.drift != nil {
		return s.ledger.all[s.ledger.groups.of[i]][s.ledger.strand[i]].center
	}
	return float64(s.view.points[i].x)
}

// aside reports whether the numbers on no strand are another machine's: many of them,
// after which the others went on where they were, or, looked at deeply, such as a second
// model explains. A constant goes on where it was in any case.
func (s *standing) aside(m *machines, deep bool) bool {
	left := m.left
	switch {
	case s.constant():
		left = m.strays
	case max(m.proof, m.leftProof) < claimBits:
		return false
	}
	if deep {
		if second := s.beside(); second > claimBits+mixedPrior {
			s.bits -= second
			return true
		}
	}
	return s.class != ClassSYNCookies && left >= 4 && float64(left) >= 0.2*float64(left+s.ledger.count[joined])
}

// stands reports whether the strands mostly stand still.
func (s *standing) stands() bool {
	moved, stood := 0, 0
	s.along(func(was, p *point) {
		if p.x == was.x {
			stood++
		} else {
			moved++
		}
	})
	return stood > moved
}

// seesTuples reports whether it was written down of which tuple each sample is.
func (v *view) seesTuples() bool {
	return v.known(func(s *Sample) bool { return s.SrcPort.OK && s.Src.IsValid() })
}

// constant reports whether the model's numbers do not grow.
func (s *standing) constant() bool {
	if s.ledger == nil {
		return false
	}
	_, ok := s.growth.(still)
	return ok
}

// byOffer reports whether within a group only other options of ours bring another
// number, and the same ones the same again.
func (s *standing) byOffer() bool {
	type kind struct {
		group int
		offer Opt[Offer]
	}
	last := make(map[kind]int)
	moved, kept := 0, 0
	for i := range s.view.points {
		k := kind{s.ledger.groups.of[i], s.view.points[i].sample.Offer}
		if j, ok := last[k]; ok {
			if s.view.points[i].x != s.view.points[j].x {
				moved++
			} else {
				kept++
			}
		}
		last[k] = i
	}
	return s.view.varied(byOptions) && kept >= 3 && float64(moved) <= 1+s.view.span()/leastPeriod
}

// leastPeriod is the shortest period of a cookie's counter, in s.
const leastPeriod = 30

// beside looks for a second model among the numbers that the first leaves aside,
// and returns how many bits it saves.
func (s *standing) beside() float64 {
	keep := make(map[int]bool)
	for i := range s.view.points {
		if s.alone(i) {
			keep[i] = true
		}
	}
	if len(keep) < leastBeside || len(keep) > quadratic {
		return 0
	}
	rest := s.view.only(keep)
	return rest.plainBits() - best(counters(rest))[0].bits
}

// leastBeside is how many numbers a second model needs.
const leastBeside = 4
