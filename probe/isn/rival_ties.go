package isn

import (
	"fmt"
	"math"
)

// tie says that a bit is always equal to a lower one, or always its complement.
type tie struct {
	high, low int
	inverted  bool
}

// leastTurns is how often the rarer value of a bit must have been seen for its
// ties to mean anything.
const leastTurns = 3

// tieCost is log2 of the ties there could be: 496 pairs of bits, equal or not.
const tieCost = 10

// leastTies is the evidence, in bits, below which ties are chance.
const leastTies = 24

// tiesOf lists for each bit the highest lower one that it is tied to.
func tiesOf(points []point) (ties []tie) {
	for high := 31; high > 0; high-- {
		ones := countBit(points, high)
		if min(ones, len(points)-ones) < leastTurns {
			continue
		}
		for low := high - 1; low >= 0; low-- {
			few := points[:min(len(points), 2*leastRandom)]
			if d := differing(few, high, low); d > 0 && d < len(few) {
				continue
			}
			if differ := differing(points, high, low); differ == 0 || differ == len(points) {
				ties = append(ties, tie{high, low, differ > 0})
				break
			}
		}
	}
	return ties
}

// differing counts the points in which two bits differ.
func differing(points []point, i, j int) (n int) {
	for _, p := range points {
		n += int((p.x>>i ^ p.x>>j) & 1)
	}
	return n
}

// tieBits is log2 of how unlikely so many ties are among random numbers.
func tieBits(ties, points int) float64 { return float64(ties) * (float64(points) - tieCost) }

// detectTies finds numbers that hold the same bits more than once, as one made
// of a shorter random number does. Bits of two machines' numbers are tied too,
// so those are looked for before.
func detectTies(v *view) (verdict, bool) {
	ties := tiesOf(v.points)
	bits := tieBits(len(ties), len(v.points))
	if len(v.points) < leastRandom || bits < leastTies {
		return verdict{}, false
	}
	free := 32 - float64(len(ties))
	out := verdict{class: ClassWeakRandom, variant: "repeated bits", saved: bits, freeBits: Some(free)}
	out.note("repeated-bits", Warning, tiesText(ties, len(v.points)),
		"Some bits only repeat others: %.0f of 32 bits are left to guess.", free)
	return out, true
}

// tiesText prints the first few ties.
func tiesText(ties []tie, n int) string {
	text := ""
	for _, t := range ties[:min(len(ties), 6)] {
		text += fmt.Sprintf("bit %d %s bit %d; ", t.high, map[bool]string{false: "is", true: "is not"}[t.inverted], t.low)
	}
	return fmt.Sprintf("%sin each of %d numbers", text, n)
}

// foreignTies is the evidence for ties that a FreeBSD cookie has not: it ties
// bits 25 to 31 to bits 1 to 7.
func foreignTies(points []point) float64 {
	n := 0
	for _, t := range tiesOf(points) {
		if t.high-t.low != 24 {
			n++
		}
	}
	return math.Max(0, tieBits(n, len(points)))
}
