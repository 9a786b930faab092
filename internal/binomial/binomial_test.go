package binomial

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mathext"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestUpperTail(t *testing.T) {
	near(t, "at least 0 of 5", UpperTail(5, 0, 0.3), 1, 1e-12)
	near(t, "at least 1 of 5", UpperTail(5, 1, 0.3), 1-math.Pow(0.7, 5), 1e-12)
	near(t, "5 of 5", UpperTail(5, 5, 0.3), math.Pow(0.3, 5), 1e-12)
	near(t, "of what never is", UpperTail(5, 1, 0), 0, 0)
	near(t, "none of what never is", UpperTail(5, 0, 0), 1, 0)
	near(t, "all of what always is", UpperTail(5, 5, 1), 1, 0)
	near(t, "6 of 5", UpperTail(5, 6, 1), 0, 0)
	near(t, "half of very many", UpperTail(100001, 50001, 0.5), 0.5, 1e-6)
}

// Draws say what the sum says.
func TestUpperTailAgainstDraws(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rounds = 20000
	seen := 0
	for range rounds {
		k := 0
		for range 40 {
			if rng.Float64() < 0.2 {
				k++
			}
		}
		if k >= 11 {
			seen++
		}
	}
	near(t, "at least 11 of 40", UpperTail(40, 11, 0.2), float64(seen)/rounds, 0.01)
}

// The bounds where the formula is closed, and one of Clopper and Pearson's
// chart: 10 of 20 at 97.5 %.
func TestUpperBound(t *testing.T) {
	near(t, "0 of 59", UpperBound(59, 0, 0.95), 1-math.Pow(0.05, 1.0/59), 1e-12)
	near(t, "4 of 5", UpperBound(5, 4, 0.95), math.Pow(0.95, 1.0/5), 1e-12)
	near(t, "399 of 400", UpperBound(400, 399, 0.95), math.Pow(0.95, 1.0/400), 1e-12)
	near(t, "10 of 20", UpperBound(20, 10, 0.975), 0.728, 0.0005)
	near(t, "no trials", UpperBound(0, 0, 0.95), 1, 0)
	near(t, "all of 3", UpperBound(3, 3, 0.95), 1, 0)
}

func TestTrials(t *testing.T) {
	for _, share := range []float64{0, 1e-9, 0.02, 0.2, 0.36, 0.5, 0.9, 0.999} {
		n := Trials(share, 0.0005)
		if math.Pow(share, float64(n)) > 0.0005 || n > 1 && math.Pow(share, float64(n-1)) <= 0.0005 {
			t.Errorf("%v: %d trials", share, n)
		}
	}
	if n := Trials(1, 0.0005); n != math.MaxInt32 {
		t.Errorf("what always fails: %d trials", n)
	}
}

// The bound is the quantile of a beta distribution, as a library of others has it.
func TestUpperBoundIsABetaQuantile(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 59, 100, 1000, 20_000} {
		for _, k := range []int{0, 1, 2, n / 10, n / 2, n - 1} {
			if k < n {
				near(t, "quantile", UpperBound(n, k, 0.95), mathext.InvRegIncBeta(float64(k+1), float64(n-k), 0.95), 1e-9)
			}
		}
	}
}

// Both ends are where the share that was seen is just z standard deviations away.
func TestInterval(t *testing.T) {
	for _, c := range []struct{ n, k, z float64 }{{10, 10, 2}, {10, 0, 2}, {40, 14, 1.6449}, {1000, 3, 1}} {
		low, high := Interval(c.n, c.k, c.z)
		for _, p := range []float64{low, high} {
			if p == 0 || p == 1 {
				if c.k/c.n != p {
					t.Errorf("%v: an end at %v", c, p)
				}
				continue
			}
			if away := math.Abs(c.k/c.n-p) / math.Sqrt(p*(1-p)/c.n); math.Abs(away-c.z) > 1e-9 {
				t.Errorf("%v: %v is %v standard deviations away", c, p, away)
			}
		}
	}
	if low, high := Interval(0, 0, 2); low != 0 || high != 1 {
		t.Errorf("without trials %v to %v", low, high)
	}
}

// That more trials fail is the mean of pⁿ over what is believed of p.
func TestFailAgainIsAMeanOverTheBeta(t *testing.T) {
	for _, c := range []struct{ n, failed, succeeded int }{{1, 0, 0}, {1, 0, 3}, {6, 0, 3}, {20, 4, 2}, {3, 100, 900}} {
		a, b := float64(c.failed)+0.5, float64(c.succeeded)+0.5
		mean, steps := 0.0, 4_000
		for i := range steps {
			mean += math.Pow(mathext.InvRegIncBeta(a, b, (float64(i)+0.5)/float64(steps)), float64(c.n)) / float64(steps)
		}
		near(t, "mean", FailAgain(c.n, c.failed, c.succeeded), mean, 1e-3)
	}
}
