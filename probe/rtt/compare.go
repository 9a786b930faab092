package rtt

import (
	"iter"
	"math"
	"time"
)

// Comparison is what [Compare] says of two samples A and B.
type Comparison struct {
	NA, NB uint64
	// Superiority is the chance that a value of B is larger than one of A,
	// ties counted half (Vargha and Delaney's measure, 2000): 0.5 means no
	// difference.
	Superiority float64
	// Delta is Cliff's delta, 2·Superiority − 1, from −1 to 1.
	Delta float64
	// P is the two-sided probability of a difference at least this large if
	// A and B came from one distribution, by the Mann–Whitney test. It takes
	// the samples for independent; round-trip times seldom are, so a small P
	// with a negligible effect says little.
	P float64
	// Shift is the median of B minus the median of A.
	Shift time.Duration
}

// Effect is the size of a difference in a word, by the thresholds of Romano
// and others (2006) for Cliff's delta.
func (c Comparison) Effect() string {
	switch d := math.Abs(c.Delta); {
	case d < 0.147:
		return "negligible"
	case d < 0.33:
		return "small"
	case d < 0.474:
		return "medium"
	}
	return "large"
}

// Significance is the level below which P counts as a difference.
const Significance = 0.01

// Differ tells whether a difference was shown that is worth a name: unlikely
// to be chance, and of a size that is not negligible.
func (c Comparison) Differ() bool { return c.P < Significance && c.Effect() != "negligible" }

// Compare tests whether b's values tend to be larger or smaller than a's: the
// Mann–Whitney U test (Annals of Mathematical Statistics 18, 1947), exact for
// small samples without ties, else by the normal approximation with the
// corrections for ties and continuity. Where a sample is empty, P is 1 and
// Superiority 0.5.
func Compare(a, b *Distribution) Comparison {
	c := Comparison{NA: a.N(), NB: b.N(), Superiority: 0.5, P: 1}
	if c.NA == 0 || c.NB == 0 {
		return c
	}
	c.Shift = b.Percentile(50) - a.Percentile(50)
	u, ties := rankSum(a, b)
	na, nb := float64(c.NA), float64(c.NB)
	c.Superiority = u / (na * nb)
	c.Delta = 2*c.Superiority - 1
	if ties == 0 && c.NA <= exactLimit && c.NB <= exactLimit {
		c.P = exactP(int(c.NA), int(c.NB), int(u))
	} else {
		c.P = normalP(na, nb, u, ties)
	}
	return c
}

// rankSum is U, the number of pairs in which b's value is the larger, ties
// counted half, and the sum of t³ − t over groups of t tied values.
func rankSum(a, b *Distribution) (u, ties float64) {
	below := 0.0 // values of a already passed
	for ca, cb := range merged(a, b) {
		u += cb * (below + ca/2)
		below += ca
		t := ca + cb
		ties += t*t*t - t
	}
	return u, ties
}

// merged yields, for each value in ascending order, how often it occurs in a
// and in b.
func merged(a, b *Distribution) iter.Seq2[float64, float64] {
	return func(yield func(ca, cb float64) bool) {
		next, stop := iter.Pull2(b.All())
		defer stop()
		vb, nb, more := next()
		for va, na := range a.All() {
			for more && vb < va {
				if !yield(0, float64(nb)) {
					return
				}
				vb, nb, more = next()
			}
			tied := 0.0
			if more && vb == va {
				tied = float64(nb)
				vb, nb, more = next()
			}
			if !yield(float64(na), tied) {
				return
			}
		}
		for ; more; vb, nb, more = next() {
			if !yield(0, float64(nb)) {
				return
			}
		}
	}
}

// normalP is the two-sided P of U by the normal approximation.
func normalP(na, nb, u, ties float64) float64 {
	n := na + nb
	variance := na * nb / 12 * (n + 1 - ties/(n*(n-1)))
	if variance <= 0 {
		return 1
	}
	z := max(math.Abs(u-na*nb/2)-0.5, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// exactLimit is the largest sample for which all orders are counted.
const exactLimit = 20

// exactP counts the orders of na and nb values by their U, with the recurrence
// of the original paper: the largest of all values is one of a's, and adds
// nothing, or one of b's, and is above all na of a's.
func exactP(na, nb, u int) float64 {
	orders := make([][]float64, nb+1) // orders[j][u] for the i of the round
	for j := range orders {
		orders[j] = make([]float64, na*nb+1)
		orders[j][0] = 1
	}
	for i := 1; i <= na; i++ {
		for j := 1; j <= nb; j++ {
			for v := na * nb; v >= 0; v-- {
				if v >= i {
					orders[j][v] += orders[j-1][v-i]
				}
			}
		}
	}
	all, tail := 0.0, 0.0
	extreme := min(u, na*nb-u)
	for v, n := range orders[nb] {
		all += n
		if v <= extreme {
			tail += n
		}
	}
	return min(1, 2*tail/all)
}
