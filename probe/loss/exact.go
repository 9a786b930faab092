package loss

import (
	"cmp"
	"math"
	"slices"

	"synscope/internal/binomial"
)

// upperTail is the chance that of n probes drawn from all, of which lost were
// lost, k or more are among those: Fisher's exact test, one-sided.
func upperTail(all, lost, n, k uint64) float64 {
	whole, p := binomial.LogChoose(all, n), 0.0
	for x := k; x <= min(n, lost); x++ {
		p += math.Exp(binomial.LogChoose(lost, x) + binomial.LogChoose(all-lost, n-x) - whole)
	}
	return min(p, 1)
}

// fewRuns is the chance that lost losses among all probes form so few runs, or
// fewer, if every order of them is as likely.
func fewRuns(all, lost, runs uint64) float64 {
	whole, p := binomial.LogChoose(all, lost), 0.0
	for r := uint64(1); r <= min(runs, lost); r++ {
		p += math.Exp(binomial.LogChoose(lost-1, r-1) + binomial.LogChoose(all-lost+1, r) - whole)
	}
	return min(p, 1)
}

// holm corrects the levels of tests made together, in place of each.
func holm(levels []float64) []float64 {
	order := make([]int, len(levels))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(levels[a], levels[b]) })
	corrected, least := make([]float64, len(levels)), 0.0
	for rank, i := range order {
		least = max(least, min(1, levels[i]*float64(len(levels)-rank)))
		corrected[i] = least
	}
	return corrected
}
