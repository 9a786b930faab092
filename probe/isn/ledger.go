package isn

import "math"

// wordBits is what a number costs that nothing explains.
const wordBits = 32

// fate is what became of a number under a model.
type fate uint8

const (
	first    fate = iota // the first of its group: it sets the offset
	joined               // it follows from those before it
	strayed              // nothing explains it
	repeated             // the number of the half-open connection before it, again
)

// strand is one generator's numbers in one group, as far as they were read.
type strand struct {
	n         int // numbers
	last      int // index of the last point
	others    int // points read since that joined other strands
	center    float64
	weight    float64
	sum, phi  float64
	low, high float64
}

// growth is how a generator's numbers go on: the part of a model that differs
// between models. A growth may learn from the numbers it is given.
type growth interface {
	// price is how many bits it takes to code the point p as the next number of
	// the strand s, +Inf where that is impossible; miss is how many guesses it
	// takes to find the number, notPredicted where it only sets a parameter.
	price(v *view, s *strand, p *point) (bits, miss float64)
	// take adds the point to the strand, which may be empty.
	take(v *view, s *strand, p *point)
	// cost is how many bits it takes to code the parameters.
	cost(v *view) float64
	// fresh is the growth as it is before any number.
	fresh() growth
}

// notPredicted stands for the guesses of a number that a parameter is learnt from.
const notPredicted = 0

// The weights with which the code for a point's fate begins. They are counts of
// points seen before the first: one in twenty strays, one in fifty repeats.
const (
	joinWeight   = 10
	strayWeight  = 0.5
	repeatWeight = 0.2
)

// mostStrands is how many generators are followed in one group, and hiddenStrands how
// many constants where nobody wrote down which tuple each number is of.
const (
	mostStrands   = 6
	hiddenStrands = 64
)

// ledger is what each point costs under one model, in bits.
type ledger struct {
	bits   []float64
	miss   []float64 // guesses, of joined points
	fates  []fate
	strand []int // number of the point's strand within its group
	most   int   // strands followed in a group
	groups *partition
	all    [][]strand // by group
	total  float64
	count  [4]int // by fate
}

// follow reads the points in order of time, group by group, and writes down what
// each costs: the first of a group 32 bits, because the offset is free; the next
// what growth asks, together with the choice among the group's strands; one that
// nothing explains 32 bits and the price of its being a stray. All choices are
// coded by how often they were made before (Laplace's rule), so a mixture of
// generators and a tail of outliers cost what they must and no more.
func follow(v *view, key factor, g growth) *ledger {
	if _, ok := g.(still); ok && !v.seesTuples() {
		return followed(v, key, g, hiddenStrands)
	}
	return followed(v, key, g, mostStrands)
}

// followed follows at most so many strands in a group.
func followed(v *view, key factor, g growth, most int) *ledger {
	l := &ledger{bits: make([]float64, len(v.points)), miss: make([]float64, len(v.points)), fates: make([]fate, len(v.points)),
		strand: make([]int, len(v.points)), groups: v.groups(key), most: most}
	l.all = make([][]strand, l.groups.n)
	w := weights{joinWeight, strayWeight, repeatWeight}
	lastOf := make([]int, len(v.tuples)) // index of the tuple's last point, and one
	for i := range v.points {
		p := &v.points[i]
		was := lastOf[p.tuple]
		l.read(v, g, i, &w, was > 0 && v.points[was-1].x == p.x)
		lastOf[p.tuple] = i + 1
		l.total += l.bits[i]
		l.count[l.fates[i]]++
	}
	return l
}

// weights count the fates joined, strayed and repeated.
type weights [3]float64

// bits is the price of a fate.
func (w *weights) bits(f fate) float64 {
	return math.Log2((w[0] + w[1] + w[2]) / w[f-joined])
}

// read prices the point at i and gives it to a strand.
func (l *ledger) read(v *view, g growth, i int, w *weights, same bool) {
	strands := &l.all[l.groups.of[i]]
	p := &v.points[i]
	if len(*strands) == 0 {
		l.open(v, g, i, strands, first, wordBits)
		return
	}
	best, at, miss := math.Inf(1), -1, 0.0
	sum := 0.0
	for j := range *strands {
		sum += float64((*strands)[j].n)
	}
	for j := range *strands {
		s := &(*strands)[j]
		bits, m := g.price(v, s, p)
		if bits >= wordBits {
			continue
		}
		if bits += math.Log2(sum / float64(s.n)); bits < best {
			best, at, miss = bits, j, m
		}
	}
	best += w.bits(joined)
	stray := wordBits + w.bits(strayed)
	if same && best > w.bits(repeated) {
		l.bits[i], l.fates[i] = w.bits(repeated), repeated
		w[repeated-joined]++
		return
	}
	if best >= stray {
		w[strayed-joined]++
		l.open(v, g, i, strands, strayed, stray)
		return
	}
	w[0]++
	s := &(*strands)[at]
	g.take(v, s, p)
	s.n++
	s.last, s.others = i, 0
	for j := range *strands {
		if j != at {
			(*strands)[j].others++
		}
	}
	l.bits[i], l.fates[i], l.strand[i], l.miss[i] = best, joined, at, miss*float64(grown(*strands))
}

// open begins a strand with the point, in place of one that nothing joined where
// there are many.
func (l *ledger) open(v *view, g growth, i int, strands *[]strand, f fate, bits float64) {
	s := strand{last: i}
	g.take(v, &s, &v.points[i])
	s.n = 1
	l.bits[i], l.fates[i] = bits, f
	at := len(*strands)
	if at >= l.most {
		at = lonely(*strands)
	}
	if at < 0 {
		l.strand[i] = -1
		return
	}
	l.strand[i] = at
	if at == len(*strands) {
		*strands = append(*strands, s)
		return
	}
	l.strand[(*strands)[at].last] = -1
	(*strands)[at] = s
}

// lonely is the oldest strand of one point, -1 where there is none.
func lonely(strands []strand) int {
	at := -1
	for j := range strands {
		if strands[j].n == 1 && (at < 0 || strands[j].last < strands[at].last) {
			at = j
		}
	}
	return at
}

// lostBetween is how many attempts between two points were not answered.
func lostBetween(q, p *point) int { return (p.k - q.k) - (p.row - q.row) }

// passed is how many connections of ours lie between the strand's last point and
// p: in a group of its own those that were lost and itself, otherwise all that did
// not join other strands.
func (s *strand) passed(v *view, p *point, own bool) int {
	q := &v.points[s.last]
	if own {
		return min(1+lostBetween(q, p), mostSkipped)
	}
	return max(p.k-q.k-s.others, 1)
}

// grown counts the strands of more than one point.
func grown(strands []strand) (n int) {
	for j := range strands {
		if strands[j].n > 1 {
			n++
		}
	}
	return max(n, 1)
}

// established lists the strands of a group that hold more than one point.
func (l *ledger) established(group int) (list []int) {
	for j := range l.all[group] {
		if l.all[group][j].n > 1 {
			list = append(list, j)
		}
	}
	if list == nil {
		list = []int{0}
	}
	return list
}

// shares are the numbers of points in the established strands, by rank, of the
// group with the most of them.
func (l *ledger) shares() (sizes []int) {
	for g := range l.all {
		var here []int
		for _, j := range l.established(g) {
			here = append(here, l.all[g][j].n)
		}
		if len(here) > len(sizes) || len(here) == len(sizes) && sumOf(here) > sumOf(sizes) {
			sizes = here
		}
	}
	return sizes
}

func sumOf(xs []int) (n int) {
	for _, x := range xs {
		n += x
	}
	return n
}
