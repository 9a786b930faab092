package isn

// machines is what the strands of a model say of how many generators there are.
type machines struct {
	count  int // generators
	rows   int // numbers of further generators, without the first of each
	strays int // numbers that belong to none

	// A number that continues a strand after numbers of another strand is a return; one that
	// does so after strays comes home. The bits that it saves are evidence that several
	// machines answer in turn: a single counter does not come back to where it was.
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
	turns, on := make(map[int]*turn), s.tuplesOn()
	for i := range v.points {
		g := s.ledger.groups.of[i]
		if turns[g] == nil {
			turns[g] = &turn{been: make(map[int]bool)}
		}
		m.take(s, turns[g], i, on[v.points[i].tuple])
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

// leastOff is how many numbers a tuple must have, most of them on no strand, for the model not
// to explain the tuple at all; with fewer another machine may have answered.
const leastOff = 3

// tuplesOn says of each tuple whether the model explains a part of its numbers, or there
// are too few for it to.
func (s *standing) tuplesOn() []bool {
	on := make([]bool, len(s.view.tuples))
	for t, list := range s.view.tuples {
		off := 0
		for _, i := range list {
			if s.ledger.fates[i] == strayed {
				off++
			}
		}
		on[t] = len(list) < leastOff || off*4 < len(list)*3
	}
	return on
}

// take reads the point at i, of a tuple that the model explains or not.
func (m *machines) take(s *standing, t *turn, i int, on bool) {
	l := s.ledger
	j := l.strand[i]
	if s.alone(i) {
		m.strays++
	}
	switch l.fates[i] {
	case first:
		t.strand, t.been[0] = 0, true
	case strayed:
		if on && (j < 0 || l.all[l.groups.of[i]][j].n < 2) {
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
