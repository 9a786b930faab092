package isn

import "math"

// machines is what the strands of a model say of how many generators there are.
type machines struct {
	count   int // generators
	rows    int // numbers of further generators, without the first of each
	returns int // how often a number went back to another machine's strand of its group
	homes   int // the same, numbers that belong to none in between counted too
	strays  int // numbers that belong to none
}

// machinesOf counts the established strands. One 65,537 or so above another is no
// machine of its own: Linux leaves TIME_WAIT so.
func (s *standing) machinesOf(v *view) (m machines) {
	l := s.ledger
	if l == nil {
		return machines{count: 1}
	}
	saved := s.savedAlong()
	for g := range l.all {
		n, main := 0, 0
		for j := range l.all[g] {
			if l.all[g][j].n > l.all[g][main].n {
				main = j
			}
		}
		for j := range l.all[g] {
			st := &l.all[g][j]
			if st.n < 2 || s.drift != nil && reuse(st.center-l.all[g][main].center) {
				continue
			}
			if j != main && saved[g][j] < cond(s.drift != nil, leastSavedLine, leastSaved) {
				m.strays += st.n
				continue
			}
			n++
			if j != main {
				m.rows += st.n - 1
			}
		}
		m.count = max(m.count, n)
	}
	at := make(map[int]int)
	been := make(map[[2]int]bool)
	for i := range v.points {
		g, j := l.groups.of[i], l.strand[i]
		if s.alone(i) {
			m.strays++
		}
		if l.fates[i] == first {
			at[g] = 0
			been[[2]int{g, 0}] = true
		}
		if l.fates[i] == strayed && j < 0 || l.fates[i] == strayed && l.all[g][j].n < 2 {
			at[g] = -1
		}
		if l.fates[i] != joined {
			continue
		}
		if was, ok := at[g]; ok && was != j && been[[2]int{g, j}] {
			m.homes++
			if was >= 0 {
				m.returns++
			}
		}
		at[g] = j
		been[[2]int{g, j}] = true
	}
	m.count = max(m.count, 1)
	return m
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

// mixedPrior is what a mixture costs beside its numbers, in bits.
const mixedPrior = 8

// leastShare is the share of the numbers that further counters must have given to be
// told from one whose numbers came near a stranger's.
const leastShare = 0.08

// leastReturns is how many numbers of further machines there may be to each return to
// another: machines take turns, and a counter that passes by a stranger's number does not.
const leastReturns = 10

// resolve names the class of a standing: a model whose numbers take several
// strands, or leave many aside, is a mixture.
func (s *standing) resolve(deep bool) {
	if s.ledger == nil || s.class == ClassMixed || s.class == ClassRepeating {
		return
	}
	v := s.view
	if c := s.ledger.count; s.class == ClassSYNCookies && s.moves&byClient != 0 && c[joined] < c[strayed]+2 {
		s.bits = math.Inf(1) // seen to hold too seldom
	}
	if s.class == ClassSYNCookies && !v.seesTuples() {
		return
	}
	m := s.machinesOf(v)
	still := s.constant()
	several := m.count > 1 && m.rows > 0 && (s.drift != nil || m.returns > 0 && m.returns*leastReturns >= m.rows) && (!still || m.returns > 1)
	if s.class == ClassTupleConstant && m.homes > 0 && s.byOffer() {
		s.class, s.name, s.moves = ClassSYNCookies, "a hash of the tuple and our options", byOptions
		return
	}
	if several && s.drift != nil && s.drift.busy {
		s.bits = math.Inf(1) // other people's connections and several machines explain anything
	}
	if several && !still && s.drift == nil && s.stands() {
		s.bits = math.Inf(1) // no counter, but numbers that come again
	}
	if !still && s.drift == nil && float64(m.rows) < leastShare*float64(s.ledger.count[joined]) {
		several = false
	}
	aside := s.class != ClassSYNCookies && m.strays >= 4 && float64(m.strays) >= 0.2*float64(m.strays+s.ledger.count[joined])
	if deep {
		if second := s.beside(); second > claimBits+mixedPrior {
			aside = true
			s.bits -= second
		}
	}
	switch {
	case s.class == ClassConstant && m.count > 1 && !aside:
		s.bits = math.Inf(1) // a store of numbers
	case several, aside:
		s.class = ClassMixed
		s.bits += mixedPrior
	}
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
