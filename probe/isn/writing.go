package isn

import (
	"math"
	"math/bits"

	"synscope/craft"
)

// writing is another way to write a number down than the one in which it counts: a
// counter whose bytes or halves are in the order of the machine instead of the
// network's, one of fewer than 32 bits, which comes round sooner, or one with some bits
// turned over.
type writing struct {
	name  string
	shift int // by how many bits numbers of fewer bits are moved up, 0 for a swap
	read  func(craft.Seq) craft.Seq
}

// swaps are the writings of 32 bits.
var swaps = []writing{
	{name: "their bytes", read: func(x craft.Seq) craft.Seq { return craft.Seq(bits.ReverseBytes32(uint32(x))) }},
	{name: "their halves", read: func(x craft.Seq) craft.Seq { return craft.Seq(bits.RotateLeft32(uint32(x), 16)) }},
}

const (
	// writingPrior is what a writing costs, in bits, beside what says that it is meant.
	writingPrior = 6
	// leastWritten is how many numbers show one.
	leastWritten = 8
	// leastNarrow and mostNarrow bound the bits that a narrow counter leaves at 0.
	leastNarrow = 3
	mostNarrow  = 24
	// nearer is by how many bits the differences must be smaller in another writing for
	// models to be tried on it.
	nearer = 4
	// wellTold is how many bits a number may cost for no narrow counter to be looked for.
	wellTold = 6
)

// rewritten compares the models on the numbers as other writings read them, and returns
// the best of those where it is shorter by claimBits than all on the numbers as they are,
// with its writing.
func (v *view) rewritten(list []*standing) (other *view, standings []*standing, how writing) {
	if len(v.points) < leastWritten {
		return nil, nil, how
	}
	least := list[0].bits - claimBits
	for _, w := range v.writings(list[0]) {
		o := v.as(w)
		tried := compare(o)
		top := tried[0]
		if top.ledger == nil || w.shift > 0 && top.drift == nil && top.steps == nil {
			continue
		}
		if top.bits+writingPrior < least {
			least, other, standings, how = top.bits+writingPrior, o, tried, w
		}
	}
	return other, standings, how
}

// writings are those in which the numbers go on in smaller steps, and the one of as many
// bits as are not 0 in all of them, where the best model says little.
func (v *view) writings(top *standing) (list []writing) {
	plain := v.as(writing{read: func(x craft.Seq) craft.Seq { return x }}).strideBits()
	for _, w := range swaps {
		if v.as(w).strideBits() < plain-nearer {
			list = append(list, w)
		}
	}
	if secret, ok := v.turned(); ok {
		list = append(list, writing{name: "some bits", read: func(x craft.Seq) craft.Seq { return x ^ secret }})
	}
	if n := v.unusedBits(); n >= leastNarrow && n <= mostNarrow && top.bits > wellTold*float64(len(v.points)) {
		list = append(list, writing{shift: n, read: func(x craft.Seq) craft.Seq { return x << n }})
	}
	return list
}

// as are the points as the writing reads them.
func (v *view) as(w writing) *view {
	o := *v
	o.unit = math.Exp2(float64(w.shift))
	o.points = make([]point, len(v.points))
	for i, p := range v.points {
		p.x = w.read(p.x)
		o.points[i] = p
	}
	return &o
}

// strideBits is the median size, in bits, of the differences of numbers that come after
// one another, on a tuple or among all, whichever is less.
func (v *view) strideBits() float64 {
	least := float64(wordBits)
	for _, key := range []factor{0, byTuple} {
		var sizes []float64
		for _, d := range v.gaps(key) {
			sizes = append(sizes, float64(bits.Len32(magnitude(d))))
		}
		if len(sizes) >= leastWritten/2 {
			least = min(least, median(sizes))
		}
	}
	return least
}

// unusedBits is how many of the highest bits are 0 in all numbers.
func (v *view) unusedBits() int {
	var all craft.Seq
	for i := range v.points {
		all |= v.points[i].x
	}
	return bits.LeadingZeros32(uint32(all))
}

// leastTurned is how many differences show that bits are turned over, and mostTurned how
// many ways to turn them are followed at once.
const (
	leastTurned = 6
	mostTurned  = 64
)

// turned finds the bits that must be turned over for direct successors to be one step
// apart, the lowest bit first: of the low bits of the secret and of the step only those
// stay for which all differences so far are right. Bits above the highest that ever
// changes are left as they are.
func (v *view) turned() (secret craft.Seq, ok bool) {
	pairs := v.successorPairs()
	if len(pairs) < leastTurned {
		return 0, false
	}
	var change craft.Seq
	for _, p := range pairs {
		change |= p[0] ^ p[1]
	}
	type low struct{ secret, step craft.Seq }
	list := []low{{}}
	for bit := craft.Seq(1); bit != 0 && bit <= change; bit <<= 1 {
		var next []low
		for _, l := range list {
			for i, more := range []low{{}, {step: bit}, {secret: bit}, {bit, bit}} {
				if i > 1 && change&bit == 0 {
					break // nobody sees whether it is turned over
				}
				if l := (low{l.secret | more.secret, l.step | more.step}); stepsBy(pairs, l.secret, l.step, bit<<1-1) {
					next = append(next, l)
				}
			}
		}
		if list = next; len(list) == 0 || len(list) > mostTurned {
			return 0, false
		}
	}
	least := list[0]
	for _, l := range list {
		if l.secret == 0 {
			return 0, false // they go in steps as they are
		}
		if l.step < least.step { // all bits turned over, they would count down
			least = l
		}
	}
	return least.secret, true
}

// stepsBy reports whether all pairs, their bits turned over, are a step apart in the bits of
// the mask.
func stepsBy(pairs [][2]craft.Seq, secret, step, mask craft.Seq) bool {
	for _, p := range pairs {
		if ((p[1]^secret)-(p[0]^secret)-step)&mask != 0 {
			return false
		}
	}
	return true
}

// successorPairs are the numbers of connections right after one another, up to a few dozen.
func (v *view) successorPairs() (list [][2]craft.Seq) {
	for i := 1; i < len(v.points) && len(list) < shortGroup; i++ {
		if p, q := &v.points[i], &v.points[i-1]; p.k == q.k+1 && p.x != q.x {
			list = append(list, [2]craft.Seq{q.x, p.x})
		}
	}
	return list
}

// noteWriting says in which writing the numbers make sense, and brings what was measured
// back to the numbers as they are.
func (r *Report) noteWriting(w writing) {
	r.Lines = nil
	switch {
	case w.name == "some bits":
		r.note("bits-turned-over", Warning, "The numbers count once some of their bits are turned over, the same in all: a few of them tell which. Class and step are those of the numbers so read.", "")
		return
	case w.shift == 0:
		r.note("other-byte-order", Notice, "The numbers count with "+w.name+" swapped: the host, or who took the samples, writes them in the order of the machine and not in the network's. "+
			"Class, rate and step are those of the swapped numbers.", "")
		return
	}
	r.note("narrow-counter", Warning, "The numbers come round long before 32 bits are used up.", "")
}
