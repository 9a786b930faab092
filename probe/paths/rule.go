package paths

import "math"

// rule holds the stopping points for one chance of a miss: see the package text.
type rule struct {
	miss  float64 // chance of stopping early at a node, allowed
	stops []int   // by next hops seen, from 1: stops[0] is unused
}

func newRule(miss float64) *rule { return &rule{miss: miss, stops: []int{0}} }

// stop is how many flows must have passed a node that shows k next hops until it
// is taken to have no more. A node that shows none is tested like one with one.
func (r *rule) stop(k int) int {
	k = max(k, 1)
	for len(r.stops) <= k {
		r.stops = append(r.stops, r.point(len(r.stops)+1))
	}
	return r.stops[k]
}

// point is the stopping point behind which a node with n next hops, equally
// likely, is left with one of them unseen with at most the chance allowed: the
// chances of having seen 1, 2, … n are carried on flow by flow, and what stands at
// an earlier stopping point when its flow has gone is lost.
func (r *rule) point(n int) int {
	seen := make([]float64, n+1)
	seen[1] = 1
	lost, last := 0.0, r.stops[n-2]
	for flows := 1; ; flows++ {
		if flows > 1 {
			oneMore(seen)
		}
		for k := 1; k < n-1; k++ {
			if flows == r.stops[k] {
				lost += seen[k]
				seen[k] = 0
			}
		}
		if flows > last && (lost+seen[n-1] <= r.miss || seen[n-1] < tiny) {
			return flows
		}
	}
}

// tiny ends a calculation that the losses of before would never let end.
const tiny = 1e-12

// oneMore lets one more flow go by: it shows a next hop that was not seen with the
// share of those. seen[k] is the chance of having seen k.
func oneMore(seen []float64) {
	n := len(seen) - 1
	for k := n; k >= 1; k-- {
		seen[k] = seen[k]*float64(k)/float64(n) + seen[k-1]*float64(n-k+1)/float64(n)
	}
}

// unseen is the chance that of n equally likely next hops at least one was not
// seen by a number of flows.
func unseen(n, flows int) float64 {
	if flows == 0 {
		return 1
	}
	seen := make([]float64, n+1)
	seen[0] = 1
	for range flows {
		oneMore(seen)
		seen[0] = 0
	}
	return max(0, 1-seen[n])
}

// quota is a number of flows that a node wants, and the share of all flows that
// goes there by chance.
type quota struct {
	flows int
	share float64
}

// filled is how many flows have to be sent, on average, until every quota has
// its flows, each flow going where chance sends it. Were they sent at random
// moments, one a second on average, the quotas would fill independently of each
// other, and the mean time until all are full is the same number: the integral of
// the chance that one of them is not.
func filled(quotas []quota) float64 {
	least := 0.0 // no less than this, and where the integral may begin
	for _, q := range quotas {
		least = max(least, float64(q.flows)/q.share)
	}
	step := max(least/100, 0.05)
	sum := 0.0
	for t := step / 2; ; t += step {
		open := 1 - allFull(quotas, t)
		sum += open * step
		if open < 1e-4 && t > least || t > 100*least+100 {
			return sum
		}
	}
}

// allFull is the chance that all quotas are full after a time.
func allFull(quotas []quota, t float64) float64 {
	all := 1.0
	for _, q := range quotas {
		all *= atLeast(q.flows, q.share*t)
	}
	return all
}

// atLeast is the chance that a Poisson variable of a mean is n or more.
func atLeast(n int, mean float64) float64 {
	term, below := math.Exp(-mean), 0.0
	for i := range n {
		below += term
		term *= mean / float64(i+1)
	}
	return max(0, 1-below)
}
