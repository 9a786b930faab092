package why

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mathext"
)

// The bound is the quantile of a beta distribution, as a library of others has it.
func TestUpperBoundIsABetaQuantile(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 59, 100, 1000, 20_000} {
		for _, k := range []int{0, 1, 2, n / 10, n / 2, n - 1} {
			if k >= n {
				continue
			}
			if got, want := upperBound(k, n), mathext.InvRegIncBeta(float64(k+1), float64(n-k), 0.95); math.Abs(got-want) > 1e-9 {
				t.Errorf("%d of %d: %v, theirs %v", k, n, got, want)
			}
		}
	}
	if got := upperBound(0, 0); got != 1 {
		t.Errorf("of nothing: %v", got)
	}
}
