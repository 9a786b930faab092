package isn

import (
	"math"
	"math/bits"
	"slices"

	"synscope/craft"
)

// encoding is another way to write a number down than the one in which it counts.
type encoding struct {
	kind   encodingKind
	shift  int       // fewBits: by how many bits the numbers are moved up
	secret craft.Seq // maskXOR: what is XORed into all of them
	factor craft.Seq // multiplied: what they must be multiplied by again
}

// encodingKind says what was done to a number.
type encodingKind uint8

const (
	asItIs       encodingKind = iota
	bytesSwapped              // in little-endian order instead of the network's
	halvesSwapped
	maskXOR    // XORed with a constant
	multiplied // by an odd constant, modulo 2^32
	fewBits    // of fewer than 32 bits, so that it comes round sooner
)

// read is the number as it counts.
func (e encoding) read(x craft.Seq) craft.Seq {
	switch e.kind {
	case bytesSwapped:
		return craft.Seq(bits.ReverseBytes32(uint32(x)))
	case halvesSwapped:
		return craft.Seq(bits.RotateLeft32(uint32(x), 16))
	case maskXOR:
		return x ^ e.secret
	case multiplied:
		return x * e.factor
	case fewBits:
		return x << e.shift
	}
	return x
}

const (
	// encodingPrior is what an encoding costs, in bits, beside what says that it is meant.
	encodingPrior = 6
	// leastEncoded is how many numbers show one.
	leastEncoded = 8
	// leastNarrow and mostNarrow bound the bits that a narrow counter leaves at 0.
	leastNarrow = 3
	mostNarrow  = 24
	// nearer is by how many bits the differences must be smaller in another encoding for
	// models to be tried on it.
	nearer = 4
	// wellTold is how many bits a number costs at most where no narrow counter is looked for.
	wellTold = 6
	// wellOrdered is how many bits a number may cost where random steps are all that an
	// encoding shows.
	wellOrdered = 20
)

// decoded compares the models on the numbers as other encodings read them, and returns
// the best of those where it is shorter by claimBits than all on the numbers as they are,
// with its encoding.
func (v *view) decoded(list []*standing) (other *view, standings []*standing, how encoding) {
	if len(v.points) < leastEncoded {
		return nil, nil, how
	}
	least := list[0].bits - claimBits
	for _, e := range v.encodings(list[0]) {
		o := v.as(e)
		if compareCounters(o)[0].bits+e.prior() >= least {
			continue // whatever the rivals say, of which none is meant
		}
		tried := compare(o)
		top := tried[0]
		if top.ledger == nil || e.kind == fewBits && top.drift == nil && top.steps == nil || e.kind == multiplied && top.class == ClassMixed {
			continue
		}
		if top.random() && top.bits > wellOrdered*float64(len(v.points)) {
			continue // high bits that count, above random ones
		}
		if bits := top.bits + e.prior(); bits < least {
			least, other, standings, how = bits, o, tried, e
		}
	}
	return other, standings, how
}

// prior is what the encoding costs.
func (e encoding) prior() float64 { return encodingPrior + cond(e.kind == multiplied, wordBits-1.0, 0) }

// encodings are those in which the numbers go on in smaller steps, and the one of as many
// bits as are not 0 in all of them, where the best model says little.
func (v *view) encodings(top *standing) (list []encoding) {
	plain := v.strideBits()
	for _, kind := range []encodingKind{bytesSwapped, halvesSwapped} {
		if e := (encoding{kind: kind}); v.as(e).strideBits() < plain-nearer {
			list = append(list, e)
		}
	}
	if secret, ok := v.mask(); ok {
		list = append(list, encoding{kind: maskXOR, secret: secret})
	}
	if a, ok := v.multiplier(); ok {
		list = append(list, encoding{kind: multiplied, factor: inverse(a)})
	}
	if n := v.unusedBits(); n >= leastNarrow && n <= mostNarrow && top.bits > wellTold*float64(len(v.points)) {
		list = append(list, encoding{kind: fewBits, shift: n})
	}
	return list
}

// as are the points as the encoding reads them.
func (v *view) as(e encoding) *view {
	o := *v
	o.unit = math.Exp2(float64(e.shift))
	o.points = make([]point, len(v.points))
	for i, p := range v.points {
		p.x = e.read(p.x)
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
		if len(sizes) >= leastEncoded/2 {
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

// leastXORed is how many differences show a constant that is XORed into the numbers, and
// mostMasks how many constants are followed at once.
const (
	leastXORed = 6
	mostMasks  = 64
)

// mask finds the constant that must be XORed into direct successors for them to be one
// step apart, the lowest bit first: of the low bits of the constant and of the step only
// those stay for which all differences so far are right. Bits above the highest that ever
// changes are left as they are.
func (v *view) mask() (secret craft.Seq, ok bool) {
	pairs := v.successorPairs()
	if len(pairs) < leastXORed {
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
					break // a bit that never changes says nothing of the mask
				}
				if l := (low{l.secret | more.secret, l.step | more.step}); stepsBy(pairs, l.secret, l.step, bit<<1-1) {
					next = append(next, l)
				}
			}
		}
		if list = next; len(list) == 0 || len(list) > mostMasks {
			return 0, false
		}
	}
	least := list[0]
	for _, l := range list {
		if l.secret == 0 {
			return 0, false // they go in steps as they are
		}
		if l.step < least.step { // with all bits of the mask the other way, they would count down
			least = l
		}
	}
	return least.secret, true
}

// stepsBy reports whether all pairs, XORed with the secret, are a step apart in the bits
// looked at.
func stepsBy(pairs [][2]craft.Seq, secret, step, bits craft.Seq) bool {
	return !slices.ContainsFunc(pairs, func(p [2]craft.Seq) bool { return ((p[1]^secret)-(p[0]^secret)-step)&bits != 0 })
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

// What a multiplier is proposed from: the differences of so many pairs right after one
// another, each taken for so many steps at most; and how many bits the differences may
// have once it is undone, where they had leastPlain before.
const (
	multipliedPairs = 6
	multipliedSteps = 7
	mostUndone      = 12
	leastPlain      = 24
)

// multiplier finds the odd constant by which a counter or a clock is multiplied: that for
// which the differences of direct successors become small.
func (v *view) multiplier() (a craft.Seq, ok bool) {
	list := v.successors()
	list = list[:min(len(list), shortGroup)]
	if len(list) < leastXORed || undoneBits(list, 1) < leastPlain {
		return 0, false
	}
	least := float64(mostUndone)
	for _, s := range list[:multipliedPairs] {
		for m := craft.Seq(1); m <= multipliedSteps; m += 2 {
			candidate := craft.Seq(int32(s.d)) * inverse(m)
			if candidate&1 == 0 {
				break
			}
			if bits := undoneBits(list, inverse(candidate)); bits < least {
				least, a, ok = bits, candidate, true
			}
		}
	}
	return a, ok
}

// undoneBits is the median size, in bits, of the differences once multiplied.
func undoneBits(list []successor, factor craft.Seq) float64 {
	sizes := make([]float64, len(list))
	for i, s := range list {
		sizes[i] = float64(bits.Len32(magnitude(int32(craft.Seq(int32(s.d)) * factor))))
	}
	return median(sizes)
}

// inverse is that of an odd number modulo 2^32: each round of Newton's method doubles the
// bits that are right, of which three are to begin with.
func inverse(a craft.Seq) craft.Seq {
	x := a
	for range 4 {
		x *= 2 - a*x
	}
	return x
}

// noteEncoding says in which encoding the numbers make sense, and brings what was measured
// back to the numbers as they are.
func (r *Report) noteEncoding(e encoding) {
	r.Lines = nil
	switch e.kind {
	case maskXOR:
		r.note("xor-constant", Warning, "The numbers count once a constant is XORed into all of them: a few of them tell which. Class and step are those of the numbers so read.", "")
	case multiplied:
		r.note("odd-multiple", Warning, "The numbers count once they are divided by an odd constant modulo 2^32: a few of them tell which. Class, rate and step are those of the numbers so read.", "")
	case bytesSwapped:
		r.noteSwapped("bytes")
	case halvesSwapped:
		r.noteSwapped("halves")
	case fewBits:
		r.note("narrow-counter", Warning, "The numbers come round long before 32 bits are used up.", "")
	}
}

// noteSwapped says which parts of the numbers are in another order.
func (r *Report) noteSwapped(parts string) {
	r.note("other-byte-order", Notice, "The numbers count with their "+parts+" swapped: the host, or who took the samples, writes them in the order of the machine and not in the network's. "+
		"Class, rate and step are those of the swapped numbers.", "")
}
