package paths

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The stopping points for 95 % at each node are, to within one flow, those of the
// published tables (Augustin, Friedman and Teixeira, E2EMON 2007; Veitch, Augustin and
// Friedman, INFOCOM 2009), which were calculated without and with the earlier stops.
func TestStoppingPoints(t *testing.T) {
	published := []int{6, 11, 16, 21, 27, 33, 38, 44, 51, 57, 63, 70, 76, 83, 90, 96}
	r := newRule(0.05)
	for i, want := range published {
		if got := r.stop(i + 1); math.Abs(float64(got-want)) > 1 {
			t.Errorf("%d next hops seen: stops after %d flows, published %d", i+1, got, want)
		}
	}
	if r.stop(0) != r.stop(1) || r.stop(1) != 6 {
		t.Errorf("one next hop: %d", r.stop(1))
	}
}

// Played with dice, the rule misses a next hop as seldom as it says, and not
// much less often: it would stop too late.
func TestRuleKeepsItsPromise(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const games = 20000
	for _, miss := range []float64{0.05, 0.01} {
		r := newRule(miss)
		for _, n := range []int{2, 3, 5, 8, 16} {
			missed := 0
			for range games {
				seen := map[int]bool{}
				for flows := 0; len(seen) < n && (flows == 0 || flows < r.stop(len(seen))); flows++ {
					seen[rng.IntN(n)] = true
				}
				if len(seen) < n {
					missed++
				}
			}
			got, spread := float64(missed)/games, 5*math.Sqrt(miss*(1-miss)/games)
			if got > miss+spread || got < miss/3 {
				t.Errorf("%d next hops, %v allowed: missed in %v", n, miss, got)
			}
		}
	}
}

// unseen agrees with inclusion and exclusion, filled with dice.
func TestUnseenAndFilled(t *testing.T) {
	for _, tc := range []struct{ n, flows int }{{2, 6}, {3, 11}, {5, 27}} {
		sum, sign, choose := 0.0, 1.0, 1.0
		for i := 1; i < tc.n; i++ {
			choose = choose * float64(tc.n-i+1) / float64(i)
			sum += sign * choose * math.Pow(1-float64(i)/float64(tc.n), float64(tc.flows))
			sign = -sign
		}
		if got := unseen(tc.n, tc.flows); math.Abs(got-sum) > 1e-9 {
			t.Errorf("%+v: %v, want %v", tc, got, sum)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, quotas := range [][]quota{
		{{7, 1}}, {{7, 0.5}, {7, 0.5}}, {{9, 0.25}, {9, 0.25}, {9, 0.25}, {9, 0.25}}, {{3, 0.1}, {12, 0.9}},
	} {
		const games = 3000
		total := 0
		for range games {
			left := append([]quota(nil), quotas...)
			for open := len(left); open > 0; total++ {
				at := rng.Float64()
				for i := range left {
					if at -= left[i].share; at < 0 {
						if left[i].flows--; left[i].flows == 0 {
							open--
						}
						break
					}
				}
			}
		}
		if want, got := float64(total)/games, filled(quotas); math.Abs(got-want) > 0.04*want {
			t.Errorf("%v: %v flows, by dice %v", quotas, got, want)
		}
	}
}
