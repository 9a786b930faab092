package weak

import (
	"fmt"
	"math/bits"
	"slices"

	"synscope/craft"
)

// shiftRegisters looks for a 32-bit linear feedback shift register that moves by one
// bit a connection, in Galois's or Fibonacci's form, to the right or, seen in a
// mirror, to the left.
func shiftRegisters(run []Number) (Generator, bool) {
	for _, mirror := range []bool{false, true} {
		if g, ok := shiftRegister(run, mirror); ok {
			return g, true
		}
	}
	return Generator{}, false
}

// longRegisters looks for one that moves by several.
func longRegisters(runs [][]Number) (Generator, bool) {
	for _, mirror := range []bool{false, true} {
		if g, ok := longShifts(runs, mirror); ok {
			return g, true
		}
	}
	return Generator{}, false
}

// mirrored reverses the bits if asked to.
func mirrored(x craft.Seq, mirror bool) uint32 {
	if mirror {
		return bits.Reverse32(uint32(x))
	}
	return uint32(x)
}

// shiftRegister compares each state with its predecessor moved right by one.
// In Galois's form the difference is the taps where the bit that fell out was
// one, else nothing; in Fibonacci's it is the top bit or nothing.
func shiftRegister(run []Number, mirror bool) (Generator, bool) {
	if len(run) < 6 {
		return Generator{}, false
	}
	taps, fibonacci := uint32(0), true
	for i := 1; i < len(run); i++ {
		was := mirrored(run[i-1].X, mirror)
		d := mirrored(run[i].X, mirror) ^ was>>1
		fibonacci = fibonacci && d&^(1<<31) == 0
		switch {
		case fibonacci, d == 0 && was&1 == 0, was&1 == 1 && d == taps:
		case was&1 == 1 && taps == 0:
			taps = d
		default:
			return Generator{}, false
		}
	}
	if fibonacci {
		return Generator{Name: "lfsr (one bit a connection)", Proofs: len(run) - 2, Free: 1}, true
	}
	next := func(h []Number) (craft.Seq, bool) {
		x := mirrored(h[len(h)-1].X, mirror)
		return craft.Seq(mirrored(craft.Seq(x>>1^(x&1)*taps), mirror)), true
	}
	return Generator{Name: fmt.Sprintf("lfsr (taps %#x)", taps), Proofs: len(run) - 3, Next: next}, true
}

// mostShift is by how many bits a connection a register may move.
const mostShift = 16

// leastRankBits is the evidence, in bits, for a register that moves by several.
const leastRankBits = 40

// longShifts finds a register that moves by n bits a connection: what a state
// differs by from its predecessor moved by n is a sum of n patterns, so many
// differences have rank n at most. Of random vectors r of rank below their
// dimension d appear with probability about 2^-((r - rank)(d - rank)).
func longShifts(runs [][]Number, mirror bool) (Generator, bool) {
	var states, next []uint32
	for _, run := range runs {
		for i := 1; i < len(run); i++ {
			states, next = append(states, mirrored(run[i-1].X, mirror)), append(next, mirrored(run[i].X, mirror))
		}
	}
	dimension := rank(next)
	differences := make([]uint32, len(next))
	for n := 2; n <= mostShift; n++ {
		for i := range differences {
			differences[i] = next[i] ^ states[i]>>n
		}
		r := rank(differences)
		if r <= n && (len(differences)-r)*(dimension-r) >= leastRankBits {
			return Generator{Name: fmt.Sprintf("lfsr (%d bits a connection)", n), Proofs: len(differences) - r, Free: float64(r)}, true
		}
	}
	return Generator{}, false
}

// rank is that of vectors of bits.
func rank(vectors []uint32) int {
	var basis [32]uint32
	n := 0
	for _, v := range vectors {
		for v != 0 {
			top := bits.Len32(v) - 1
			if basis[top] == 0 {
				basis[top] = v
				n++
				break
			}
			v ^= basis[top]
		}
	}
	return n
}

// shifts is one xorshift generator: positive is left, negative right.
type shifts [3]int

// shift is one step: n to the left, or -n to the right.
func shift(x uint32, n int) uint32 {
	if n > 0 {
		return x ^ x<<(n&31)
	}
	return x ^ x>>(-n&31)
}

// next applies the three shifts.
func (s shifts) next(x uint32) uint32 {
	return shift(shift(shift(x, s[0]), s[1]), s[2])
}

// directions are the orders of left and right that mix at all.
var directions = []shifts{{1, -1, 1}, {-1, 1, -1}, {1, 1, -1}, {-1, -1, 1}, {1, -1, -1}, {-1, 1, 1}}

// xorshift tries every 32-bit generator of three shifts (Marsaglia 2003): any shifts,
// any order of directions. It finds the shifts that lead from each state of the run to the next.
func xorshift(run []Number) (Generator, bool) {
	if len(run) < 3 || run[0].X == 0 {
		return Generator{}, false
	}
	for _, d := range directions {
		if s, ok := d.search(run); ok {
			return Generator{Name: fmt.Sprintf("xorshift32 %v", s), Proofs: len(run) - 1, Next: s.predict}, true
		}
	}
	if r, ok := xorshift64(run); ok {
		return r, true
	}
	return xorshift128(run)
}

// wide is one xorshift generator of four words (Marsaglia 2003): a to the left,
// b and c to the right.
type wide struct{ a, b, c int }

// next makes the word after the four: it needs the first and the last of them.
func (w wide) next(first, last uint32) uint32 {
	t := first ^ first<<w.a
	return last ^ last>>w.c ^ t ^ t>>w.b
}

// xorshift128 finds the shifts that make each fifth word of the run.
func xorshift128(run []Number) (Generator, bool) {
	if len(run) < 7 {
		return Generator{}, false
	}
	for a := 1; a < 32; a++ {
		for b := 1; b < 32; b++ {
			for c := 1; c < 32; c++ {
				if w := (wide{a, b, c}); w.follows(run) {
					return Generator{Name: fmt.Sprintf("xorshift128 [%d %d %d]", a, b, c), Proofs: len(run) - 5, Next: w.predict}, true
				}
			}
		}
	}
	return Generator{}, false
}

// follows reports whether every word is the right one.
func (w wide) follows(run []Number) bool {
	for i := 4; i < len(run); i++ {
		if w.next(uint32(run[i-4].X), uint32(run[i-1].X)) != uint32(run[i].X) {
			return false
		}
	}
	return true
}

func (w wide) predict(h []Number) (craft.Seq, bool) {
	if len(h) < 4 || h[len(h)-1].K-h[len(h)-4].K != 3 {
		return 0, false
	}
	return craft.Seq(w.next(uint32(h[len(h)-4].X), uint32(h[len(h)-1].X))), true
}

// search tries all amounts for the directions of s.
func (s shifts) search(run []Number) (shifts, bool) {
	from, to := uint32(run[0].X), uint32(run[1].X)
	for a := 1; a < 32; a++ {
		one := shift(from, s[0]*a)
		for b := 1; b < 32; b++ {
			two := shift(one, s[1]*b)
			for c := 1; c < 32; c++ {
				found := shifts{s[0] * a, s[1] * b, s[2] * c}
				if shift(two, found[2]) == to && found.follows(run) {
					return found, true
				}
			}
		}
	}
	return s, false
}

// follows reports whether every successor in the run is right.
func (s shifts) follows(run []Number) bool {
	for i := 1; i < len(run); i++ {
		if s.next(uint32(run[i-1].X)) != uint32(run[i].X) {
			return false
		}
	}
	return true
}

func (s shifts) predict(h []Number) (craft.Seq, bool) {
	return craft.Seq(s.next(uint32(h[len(h)-1].X))), true
}

// register is a linear recurrence over bits: bit n is the XOR of the bits
// n-i for every i in taps.
type register struct {
	length int
	taps   []int
}

// berlekampMassey returns the shortest linear recurrence that makes the bits
// (Massey 1969). Random bits need one of about half their number; a shift
// register is found out after twice its length. Example: 1 0 0 1 0 1 1 1 0 0
// follows s[n] = s[n-2] ^ s[n-3], length 3.
func berlekampMassey(s []byte) register {
	c, b := make([]byte, len(s)+1), make([]byte, len(s)+1)
	c[0], b[0] = 1, 1
	length, since := 0, 1
	for n := range s {
		d := s[n]
		for i := 1; i <= length; i++ {
			d ^= c[i] & s[n-i]
		}
		if d == 0 {
			since++
			continue
		}
		before := slices.Clone(c)
		for i := 0; i+since < len(c); i++ {
			c[i+since] ^= b[i]
		}
		if 2*length > n {
			since++
			continue
		}
		length, b, since = n+1-length, before, 1
	}
	return register{length, positions(c[:length+1])}
}

// positions lists the ones of a connection polynomial, without its constant.
func positions(c []byte) []int {
	var out []int
	for i := 1; i < len(c); i++ {
		if c[i] == 1 {
			out = append(out, i)
		}
	}
	return out
}

// next returns the bit that follows.
func (r register) next(s []byte) byte {
	var b byte
	for _, i := range r.taps {
		b ^= s[len(s)-i]
	}
	return b
}

// surplusBits is how far below half the number of bits a linear complexity
// must lie; random bits get there about once in 4^surplusBits sequences.
const surplusBits = 20

// mostBits bounds the bits given to Berlekamp–Massey, which is quadratic.
const mostBits = 1024

// linearStreams looks for numbers cut from a linear bit stream, most or least
// significant bit first, and, in long runs, for a linear recurrence in each bit.
func linearStreams(run []Number) (Generator, bool) {
	for _, mirror := range []bool{false, true} {
		if g, ok := linearStream(run, mirror); ok {
			return g, true
		}
	}
	return linearLane(run)
}

// stream writes out the bits of the run, most significant first or, mirrored,
// least significant first.
func stream(run []Number, mirror bool) []byte {
	out := make([]byte, 0, 32*len(run))
	for _, p := range run {
		x := mirrored(p.X, mirror)
		for i := 31; i >= 0; i-- {
			out = append(out, byte(x>>i&1))
		}
	}
	return out
}

// linearStream tests the numbers as one stream of bits.
func linearStream(run []Number, mirror bool) (Generator, bool) {
	s := stream(run, mirror)
	s = s[:min(len(s), mostBits)]
	r := berlekampMassey(s)
	if r.length == 0 || r.length > len(s)/2-surplusBits || distinct(run) != len(run) {
		return Generator{}, false
	}
	next := func(h []Number) (craft.Seq, bool) {
		h = h[max(0, len(h)-mostBits/32):]
		if len(h)*32 < r.length || h[len(h)-1].K-h[0].K != len(h)-1 {
			return 0, false
		}
		return r.draw(stream(h, mirror), mirror), true
	}
	return Generator{Name: fmt.Sprintf("lfsr (linear complexity %d of %d bits)", r.length, len(s)), Proofs: max(1, (len(s)-2*r.length)/wordBits), Next: next}, true
}

// draw takes the next 32 bits of the stream as a number.
func (r register) draw(s []byte, mirror bool) craft.Seq {
	x := uint32(0)
	for range 32 {
		b := r.next(s)
		s = append(s, b)
		x = x<<1 | uint32(b)
	}
	return craft.Seq(mirrored(craft.Seq(x), mirror))
}

// linearLane tests the top bit of a long run by itself: a linear generator of
// any word size shows in every bit.
func linearLane(run []Number) (Generator, bool) {
	if len(run) < 2*surplusBits+8 {
		return Generator{}, false
	}
	s := make([]byte, len(run))
	for i, p := range run {
		s[i] = byte(p.X >> 31)
	}
	r := berlekampMassey(s)
	if r.length == 0 || r.length > len(s)/2-surplusBits {
		return Generator{}, false
	}
	return Generator{Name: fmt.Sprintf("linear over bits (complexity %d)", r.length), Proofs: max(1, (len(s)-2*r.length)/wordBits)}, true
}
