package weak

import (
	"fmt"
	"math/bits"

	"synscope/craft"
)

// A generator that only shifts and XORs, of whatever size, is linear over bits:
// each bit of a number is the XOR of bits of the few numbers before it, and of a
// constant. So many numbers make so many equations, and the first that follows
// from those before it is a proof of 32 bits, or a refutation.

// mostLags is how many numbers before one the equations may reach back to: a
// state of 128 bits, as of xorshift128.
const mostLags = 4

// equation is one row: the bits of up to four earlier numbers, a constant one,
// and beside them the number that they make.
type equation struct {
	left  [2]uint64
	one   uint64
	right uint32
}

// equationOf reads the equation of the number at i.
func equationOf(run []Number, i, lags int) equation {
	e := equation{one: 1, right: uint32(run[i].X)}
	for lag := range lags {
		e.left[lag/2] |= uint64(uint32(run[i-1-lag].X)) << (lag % 2 * 32)
	}
	return e
}

// pivot is the first column in which the row has a one, -1 if it has none.
func (e *equation) pivot() int {
	switch {
	case e.left[0] != 0:
		return bits.TrailingZeros64(e.left[0])
	case e.left[1] != 0:
		return 64 + bits.TrailingZeros64(e.left[1])
	case e.one != 0:
		return 128
	}
	return -1
}

// add adds another row, modulo two.
func (e *equation) add(o *equation) {
	e.left[0] ^= o.left[0]
	e.left[1] ^= o.left[1]
	e.one ^= o.one
	e.right ^= o.right
}

// system is a set of equations in echelon form, by pivot.
type system map[int]equation

// reduce takes out of a row what the system knows, and returns the column of
// what is left.
func (s system) reduce(e *equation) int {
	for {
		at := e.pivot()
		known, ok := s[at]
		if !ok {
			return at
		}
		e.add(&known)
	}
}

// linearMap solves for the generator. Every run gives equations; proofs are those
// that followed from others.
func linearMap(runs [][]Number, lags int) (s system, proofs int, ok bool) {
	s = make(system)
	for _, run := range runs {
		for i := lags; i < len(run); i++ {
			e := equationOf(run, i, lags)
			at := s.reduce(&e)
			if at >= 0 {
				s[at] = e
				continue
			}
			if e.right != 0 {
				return nil, 0, false
			}
			proofs++
		}
	}
	return s, proofs, proofs >= 2
}

// predict makes the number after the history, if the equations tell it.
func (s system) predict(lags int) func([]Number) (craft.Seq, bool) {
	return func(h []Number) (craft.Seq, bool) {
		if len(h) < lags || h[len(h)-1].K-h[len(h)-lags].K != lags-1 {
			return 0, false
		}
		e := equationOf(append(h[len(h)-lags:len(h):len(h)], Number{}), lags, lags)
		known := s.reduce(&e) < 0
		return craft.Seq(e.right), known
	}
}

// linear looks for any generator that is linear over bits.
func linear(runs [][]Number) (Generator, bool) {
	for lags := 1; lags <= mostLags; lags++ {
		if s, proofs, ok := linearMap(runs, lags); ok {
			name := fmt.Sprintf("linear over bits (rank %d, %d numbers back)", len(s), lags)
			return Generator{Name: name, Proofs: proofs, Next: s.predict(lags)}, true
		}
	}
	return Generator{}, false
}
