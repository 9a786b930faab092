package isn

import (
	"math"
	"testing"
)

// Student's factors are those of published tables (NIST/SEMATECH e-Handbook of
// Statistical Methods, 1.3.6.7.2, column 0.975).
func TestStudent95(t *testing.T) {
	for freedom, want := range map[int]float64{
		1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 8: 2.306, 13: 2.160, 20: 2.086, 29: 2.045, 47: 2.012,
		60: 2.000, 100: 1.984, 200: 1.972, 201: 1.972, 1 << 30: 1.960,
	} {
		if got := student95(freedom); math.Abs(got-want) > 0.0006 {
			t.Errorf("student95(%d) = %.4f, want %.3f", freedom, got, want)
		}
	}
	if a, b := student95(200), studentFar(200); math.Abs(a-b) > 1e-9 {
		t.Errorf("the expansion for 200 degrees is off by %g", b-a)
	}
}

// The upper critical values are those of the same handbook, 1.3.6.7.4.
func TestChiSquaredTail(t *testing.T) {
	for _, c := range []struct {
		freedom int
		x, tail float64
	}{
		{2, 4.605, 0.10}, {10, 18.307, 0.05}, {32, 42.585, 0.10}, {32, 46.194, 0.05}, {32, 53.486, 0.01}, {32, 62.487, 0.001},
	} {
		if got := chiSquaredTail(c.x, c.freedom); math.Abs(got/c.tail-1) > 0.001 {
			t.Errorf("tail of χ²(%d) beyond %g = %g, want %g", c.freedom, c.x, got, c.tail)
		}
	}
	if got := chiSquaredTail(1e6, 32); got != 0 {
		t.Errorf("far out: %g", got)
	}
}

func TestInverted(t *testing.T) {
	for _, a := range [][][]float64{{{4}}, {{4, 12}, {12, 37}}, {{1e6, -3}, {-3, 1e-3}}} {
		inverse := inverted(a)
		for i := range a {
			for j := range a {
				sum := 0.0
				for k := range a {
					sum += a[i][k] * inverse[k][j]
				}
				if want := float64(cond(i == j, 1, 0)); math.Abs(sum-want) > 1e-9 {
					t.Errorf("A·A⁻¹ of %v has %g at %d, %d", a, sum, i, j)
				}
			}
		}
	}
	for name, bad := range map[string][][]float64{
		"nothing":              {{0}},
		"singular":             {{1, 2}, {2, 4}},
		"of two signs":         {{1, 0}, {0, -1}},
		"all but singular":     {{1, 1}, {1, 1 + 1e-15}},
		"badly scaled":         {{1, 0}, {0, 1e-16}},
		"of what is no number": {{math.NaN(), 0}, {0, 1}},
		"of infinities":        {{math.Inf(1), 0}, {0, 1}},
	} {
		if got := inverted(bad); got != nil {
			t.Errorf("a matrix that is %s has the inverse %v", name, got)
		}
	}
}

func TestCorrelation(t *testing.T) {
	x := []float64{2, 4, 4, 4, 5, 5, 7, 9}
	if mean, deviation := meanAndDeviation(x); mean != 5 || math.Abs(deviation-math.Sqrt(32.0/7)) > 1e-12 {
		t.Errorf("mean %g, deviation %g", mean, deviation)
	}
	if r := correlation([]float64{1, 2, 3}, []float64{1, 3, 2}); math.Abs(r-0.5) > 1e-12 {
		t.Errorf("correlation %g, want 0.5", r)
	}
	if r := correlation([]float64{1, 1, 1}, []float64{1, 3, 2}); !math.IsNaN(r) {
		t.Errorf("correlation with a constant: %g", r)
	}
}
