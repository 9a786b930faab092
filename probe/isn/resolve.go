package isn

import "math"

// machines is what the strands of a model say of how many generators there are.
type machines struct {
	count  int // generators
	rows   int // numbers of further generators, without the first of each
	strays int // numbers that belong to none

	// A number that goes on where another machine's strand of its group had stopped
	// is a return, one that does so after strays comes home. The bits that it saves are
	// evidence that several answer in turn: one counter that others moved on, or that
	// passed by a stranger's number, does not come back to where it was.
	returns, homes int
	proof          float64 // bits saved by returns
	left           int     // strays before numbers that came home
	leftProof      float64 // bits saved by those
}

// machinesOf counts the established strands, and how often the numbers went from one
// to another.
func (s *standing) machinesOf(v *view) machines {
	if s.ledger == nil {
		return machines{count: 1}
	}
	m := machines{count: 1}
	saved := s.savedAlong()
	for g := range s.ledger.all {
		m.addGroup(s, s.ledger.all[g], saved[g])
	}
	turns := make(map[int]*turn)
	for i := range v.points {
		g := s.ledger.groups.of[i]
		if turns[g] == nil {
			turns[g] = &turn{been: make(map[int]bool)}
		}
		m.take(s, turns[g], i)
	}
	return m
}

// addGroup counts the machines among a group's strands. One 65,537 or so above another
// is no machine of its own: Linux leaves TIME_WAIT so. A strand that saves little is
// made of strays.
func (m *machines) addGroup(s *standing, strands []strand, saved []float64) {
	n, main := 0, 0
	for j := range strands {
		if strands[j].n > strands[main].n {
			main = j
		}
	}
	for j := range strands {
		st := &strands[j]
		switch {
		case st.n < 2 || s.drift != nil && reuse(st.center-strands[main].center):
		case j == main:
			n++
		case saved[j] < cond(s.drift != nil, leastSavedLine, leastSaved):
			m.strays += st.n
		default:
			n++
			m.rows += st.n - 1
		}
	}
	m.count = max(m.count, n)
}

// turn is where the numbers of a group are: on which strand, how many strays came
// since, and which strands they were on.
type turn struct {
	strand, aside int
	been          map[int]bool
}

// take reads the point at i.
func (m *machines) take(s *standing, t *turn, i int) {
	l := s.ledger
	j := l.strand[i]
	if s.alone(i) {
		m.strays++
	}
	switch l.fates[i] {
	case first:
		t.strand, t.been[0] = 0, true
	case strayed:
		if j < 0 || l.all[l.groups.of[i]][j].n < 2 {
			t.aside++
		}
	case joined:
		m.join(t, j, wordBits-l.bits[i])
		t.strand, t.aside, t.been[j] = j, 0, true
	}
}

// join counts a number that joined the strand j and saved so many bits.
func (m *machines) join(t *turn, j int, saved float64) {
	switch {
	case !t.been[j]:
		return
	case t.strand != j:
		m.returns++
		m.proof += saved
	}
	if t.strand != j || t.aside > 0 {
		m.homes++
	}
	if t.aside > 0 {
		m.left += t.aside
		m.leftProof += saved
	}
}

// leastSaved is how many bits a strand's numbers must save for it to be a machine's,
// leastSavedLine how many if they are on a line.
const (
	leastSaved     = 10.0
	leastSavedLine = 4.0
)

// savedAlong is how many bits the points of each strand save.
func (s *standing) savedAlong() [][]float64 {
	saved := make([][]float64, len(s.ledger.all))
	for g := range saved {
		saved[g] = make([]float64, len(s.ledger.all[g]))
	}
	for i, f := range s.ledger.fates {
		if f == joined {
			saved[s.ledger.groups.of[i]][s.ledger.strand[i]] += wordBits - s.ledger.bits[i]
		}
	}
	return saved
}

// reuse reports whether a line lies above another by what Linux adds where it
// reuses a connection in TIME_WAIT (net/ipv4/tcp_minisocks.c,
// tcp_timewait_state_process).
func reuse(d float64) bool {
	d = wrap(d)
	return d >= 65_500 && d <= 66_000
}

// mixedPrior is what a mixture of two costs beside its numbers, in bits, and
// crowdPrior each machine more than fewMachines.
const (
	mixedPrior  = 8
	crowdPrior  = 40
	fewMachines = 4
)

// leastExplained is the share of the numbers that a mixture of two must explain, and
// crowdExplained that of more.
const (
	leastExplained = 0.3
	crowdExplained = 0.6
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
	several := s.several(&m)
	if several && s.contradicted() {
		s.bits = math.Inf(1)
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
	s.bits += mixedPrior + crowdPrior*float64(max(m.count-fewMachines, 0))
	n := float64(s.ledger.count[joined])
	if n < cond(m.count > 2, crowdExplained, leastExplained)*(n+float64(m.strays)) {
		s.bits = math.Inf(1)
	}
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

// leastApart is how far apart the counters of two machines are, but for one pair in
// several hundred: they began at different times, or at random.
const leastApart = 1 << 22

// neighbours reports whether the strands run beside each other in every group: then
// they are one generator that jumps.
func (s *standing) neighbours() bool {
	apart := 0.0
	for g := range s.ledger.all {
		near := float64(space)
		list := s.ledger.established(g)
		for i, a := range list {
			for _, b := range list[:i] {
				near = min(near, math.Abs(wrap(s.place(g, a)-s.place(g, b))))
			}
		}
		if len(list) > 1 {
			apart = max(apart, near)
		}
	}
	return apart > 0 && apart < leastApart
}

// place is where a strand is: of a clock its line, of other counters its last number.
func (s *standing) place(group, strand int) float64 {
	st := &s.ledger.all[group][strand]
	if s.drift != nil {
		return st.center
	}
	return float64(s.view.points[st.last].x)
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
	_, ok := s.grow().(still)
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

// alone reports whether the point at i belongs to none of the generators that gave
// its group several numbers.
func (s *standing) alone(i int) bool {
	l := s.ledger
	g, j := l.groups.of[i], l.strand[i]
	switch {
	case l.fates[i] == joined || l.fates[i] == repeated:
		return false
	case j >= 0 && l.all[g][j].n > 1:
		return false
	}
	return l.fates[i] == strayed || l.all[g][l.established(g)[0]].n > 1
}

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
