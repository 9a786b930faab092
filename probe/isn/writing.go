package isn

import (
	"math"
	"math/bits"

	"synscope/craft"
)

// writing is another way to write a number down than the one in which it counts: a
// counter whose bytes or halves are in the order of the machine instead of the
// network's, or one of fewer than 32 bits, which comes round sooner.
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

// noteWriting says in which writing the numbers make sense, and brings what was measured
// back to the numbers as they are.
func (r *Report) noteWriting(w writing) {
	r.Lines = nil
	if w.shift == 0 {
		r.note("other-byte-order", Notice, "The numbers count with "+w.name+" swapped: the host, or who took the samples, writes them in the order of the machine and not in the network's. "+
			"Class, rate and step are those of the swapped numbers.", "")
		return
	}
	r.note("narrow-counter", Warning, "The numbers come round long before 32 bits are used up.", "")
}
