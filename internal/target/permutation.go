package target

// A scan in ascending order hits each network in a burst: it trips rate limits
// and loses replies. So the pairs of a Set are walked in an order that looks
// random, visits each exactly once, and remembers nothing. It is a keyed
// bijection of the numbers 0 … n-1: the i-th probe is pair perm(i).
//
// The mathematics. Lay the numbers out in a table of about √n columns: number
// x is at row x/cols, column x mod cols, with
//
//	rows = ⌊√(n-1)⌋+1,  cols = ⌈n/rows⌉,  n <= rows·cols < n+rows.
//
// A round turns every column, seen as a ring, by an amount that depends on the
// column and a key; the next turns every row by an amount that depends on the
// row and another key:
//
//	row ← row + f(key₀, col) mod rows
//	col ← col + f(key₁, row) mod cols
//	…
//
// Whatever f is, a round can be undone: the coordinate that f looked at is still
// there, so the same amount can be subtracted. Hence each round, and all of them
// in sequence, is a bijection of the table (a Feistel network with addition in
// place of exclusive or: Black and Rogaway 2002, "Ciphers with Arbitrary Finite
// Domains").
//
// The table has up to rows-1 cells more than there are numbers. Where a number
// lands on one, it is permuted again until it lands on a number: the cycle it
// walks along leads back to where it came from, which is a number, so the walk
// ends; and since cycles are walked backwards the same way, the result is a
// bijection of 0 … n-1. A walk is needed once in more than √n times.
//
// A worked example: n = 10 and key 42. rows = ⌊√9⌋+1 = 4, cols = ⌈10/4⌉ = 3:
// 12 cells, of which 10 and 11 are no numbers. The number 7 starts at row 2,
// column 1, and the six rounds take it along
//
//	(2,1) → (1,1) → (1,1) → (1,2) → (1,1) → (3,1) → (3,0)
//
// to row 3, column 0: number 9. All twelve cells:
//
//	x           0  1  2  3  4  5  6  7  8  9 | 10 11
//	forward(x)  0  4  5  3  7  6 10  9  8 11 |  1  2
//
// 6 lands on 10, which is no number, and goes on to forward(10) = 1; 9 lands on
// 11 and goes on to 2. What remains is the order of ten numbers:
//
//	i           0  1  2  3  4  5  6  7  8  9
//	perm(i)     0  4  5  3  7  6  1  9  8  2
//
// Shard 1 of 3 takes i = 0, 3, 6, 9 and probes the pairs 0, 3, 1 and 2.

import (
	"math"
	"math/bits"
)

// rounds is how often one half of a number is folded into the other. Four rounds
// of an ideal function make a permutation that looks random (Luby and Rackoff
// 1988); two more make up for ours being a cheap one.
const rounds = 6

// A permutation is a keyed bijection of the numbers 0 … last.
type permutation struct {
	last uint64
	rows uint64 // 1 … 2^32
	cols uint64 // 1 … 2^32
	keys [rounds]uint64
}

func newPermutation(last, key uint64) permutation {
	p := permutation{last: last, rows: min(uint64(math.Sqrt(float64(last)))+1, 1<<32)}
	p.cols = last/p.rows + 1
	for i := range p.keys {
		key += golden
		p.keys[i] = mix(key)
	}
	return p
}

// at returns the image of i.
func (p *permutation) at(i uint64) uint64 {
	for {
		if i = p.forward(i); i <= p.last {
			return i
		}
	}
}

// inverse returns the number whose image is y.
func (p *permutation) inverse(y uint64) uint64 {
	for {
		if y = p.backward(y); y <= p.last {
			return y
		}
	}
}

// forward permutes 0 … rows·cols-1.
func (p *permutation) forward(x uint64) uint64 {
	row, col := x/p.cols, x%p.cols
	for i := 0; i < rounds; i += 2 {
		row = turn(row, draw(col^p.keys[i], p.rows), p.rows)
		col = turn(col, draw(row^p.keys[i+1], p.cols), p.cols)
	}
	return row*p.cols + col
}

// backward is the inverse of forward: its turns in the opposite order, each in
// the opposite direction.
func (p *permutation) backward(x uint64) uint64 {
	row, col := x/p.cols, x%p.cols
	for i := rounds - 2; i >= 0; i -= 2 {
		col = turn(col, p.cols-draw(row^p.keys[i+1], p.cols), p.cols)
		row = turn(row, p.rows-draw(col^p.keys[i], p.rows), p.rows)
	}
	return row*p.cols + col
}

// turn returns a+b modulo n, for a < n and b <= n.
func turn(a, b, n uint64) uint64 {
	if a += b; a >= n {
		a -= n
	}
	return a
}

// draw returns a number below n that depends on all of x.
func draw(x, n uint64) uint64 {
	below, _ := bits.Mul64(mix(x), n)
	return below
}

// golden is 2^64 divided by the golden ratio, made odd: steps of it visit every
// 64-bit number before one repeats.
const golden = 0x9e3779b97f4a7c15

// mix spreads every bit of x over all 64: shifted sums alternating with
// multiplications, by Stafford's constants as in SplitMix64 (Steele, Lea and
// Flood 2014). It is not cryptography: whoever sees much of an order may
// foretell the rest, and gains nothing by it.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
