package isn

import (
	"fmt"

	"synscope/craft"
)

// A counter n whose bits are put in another order, or XORed with each other, as in Gray's
// code (Gray 1953, US patent 2632058) or a CRC, is L(n) for an L that is linear over bits, and
// perhaps a constant XORed in. Then successors differ by L(n XOR n+1), and n XOR n+1 is 1 for
// every other n, 3 for every fourth, 7 for every eighth (the ruler sequence): a few
// differences come again at even distances.

// mostLevels is how many of these differences are looked for, leastLevel how many pairs
// tell one, and leastRuled how many numbers must follow.
const (
	mostLevels = 6
	leastLevel = 3
	leastRuled = 8
)

// detectRuler finds such counters. Where an attempt was lost nobody knows whether it was
// counted, and the sequence begins anew.
func detectRuler(v *view) (verdict, bool) {
	var sequences [][]craft.Seq
	for _, run := range v.runs() {
		var differences []craft.Seq
		for i := 1; i < len(run); i++ {
			differences = append(differences, run[i].X^run[i-1].X)
		}
		sequences = append(sequences, differences)
	}
	hits, misses, phases := 0, 0, 0
	seen := make(map[craft.Seq]bool)
	for len(seen) < mostLevels {
		most, n := commonestOf(sequences)
		if n < leastLevel || most == 0 || seen[most] {
			break
		}
		right, wrong, rest := everyOther(sequences, most)
		if right < leastLevel || wrong*4 > right {
			break
		}
		hits, misses, phases, seen[most] = hits+right-1, misses+wrong, phases+len(sequences), true
		sequences = rest
	}
	if hits < leastRuled || len(seen) < 2 {
		return verdict{}, false
	}
	out := verdict{class: ClassWeakRandom, variant: "xored counter", nextKnown: true, whole: misses == 0,
		saved: wordBits*float64(hits) - 4*float64(misses+1) - float64(phases)}
	out.note("weak-generator", Warning, fmt.Sprintf("%d of %d differences came again where a counter's would", hits, hits+misses),
		"The numbers look random and are not: a counter whose bits are XORed or put in another order. A few of them tell all that follow.")
	return out, true
}

// commonestOf is the most frequent difference of all sequences, and how often it came.
func commonestOf(sequences [][]craft.Seq) (most craft.Seq, n int) {
	count := make(map[craft.Seq]int)
	for _, list := range sequences {
		for _, d := range list {
			if count[d]++; count[d] > n {
				most, n = d, count[d]
			}
		}
	}
	return most, n
}

// everyOther counts how many of every other difference are d, from the first or from the
// second on, whichever fits a sequence better, and returns those in between.
func everyOther(sequences [][]craft.Seq, d craft.Seq) (right, wrong int, rest [][]craft.Seq) {
	for _, list := range sequences {
		var at [2]int
		for i, x := range list {
			if x == d {
				at[i%2]++
			}
		}
		phase := cond(at[1] > at[0], 1, 0)
		var between []craft.Seq
		for i, x := range list {
			switch {
			case i%2 != phase:
				between = append(between, x)
			case x == d:
				right++
			default:
				wrong++
			}
		}
		rest = append(rest, between)
	}
	return right, wrong, rest
}
