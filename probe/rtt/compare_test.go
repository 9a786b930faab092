package rtt

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func of(values ...int) *Distribution {
	d := &Distribution{}
	for _, v := range values {
		d.Add(time.Duration(v))
	}
	return d
}

func TestCompareByHand(t *testing.T) {
	for _, tc := range []struct {
		name        string
		a, b        *Distribution
		superiority float64
		p           float64
	}{
		{"all above", of(1, 2, 3), of(4, 5, 6), 1, 2.0 / 20},
		{"all below", of(4, 5, 6), of(1, 2, 3), 0, 2.0 / 20},
		{"one swap", of(1, 2, 4), of(3, 5, 6), 8.0 / 9, 4.0 / 20},
		{"interleaved", of(1, 4), of(2, 3), 0.5, 1},
		{"one each", of(1), of(2), 1, 1},
		{"all tied", of(5, 5, 5), of(5, 5), 0.5, 1},
		{"nothing", of(), of(1), 0.5, 1},
	} {
		c := Compare(tc.a, tc.b)
		if math.Abs(c.Superiority-tc.superiority) > 1e-12 || math.Abs(c.P-tc.p) > 1e-12 {
			t.Errorf("%s: superiority %v, P %v, want %v, %v", tc.name, c.Superiority, c.P, tc.superiority, tc.p)
		}
	}
}

// permutations gives the exact P by trying every way to deal the values out.
func permutations(values []int, na int) float64 {
	n := len(values)
	u := func(mask int) (sum float64) {
		for i := range n {
			for j := range n {
				if mask>>i&1 == 1 && mask>>j&1 == 0 && values[j] > values[i] {
					sum++
				}
			}
		}
		return sum
	}
	centre := float64(na*(n-na)) / 2
	off := math.Abs(u(1<<na-1) - centre)
	all, extreme := 0.0, 0.0
	for mask := range 1 << n {
		ones := 0
		for i := range n {
			ones += mask >> i & 1
		}
		if ones != na {
			continue
		}
		all++
		if math.Abs(u(mask)-centre) >= off {
			extreme++
		}
	}
	return extreme / all
}

func TestExactAgainstPermutations(t *testing.T) {
	chance := rand.New(rand.NewPCG(11, 1))
	for range 50 {
		n := 4 + chance.IntN(7)
		na := 1 + chance.IntN(n-1)
		values := chance.Perm(n)
		got, want := Compare(of(values[:na]...), of(values[na:]...)).P, permutations(values, na)
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%v | %v: P %v, want %v", values[:na], values[na:], got, want)
		}
	}
}

// Where both can be computed, the approximation is near the exact value.
func TestNormalAgainstExact(t *testing.T) {
	for u := 100; u <= 200; u += 10 {
		exact, normal := exactP(20, 20, u), normalP(20, 20, float64(u), 0)
		if math.Abs(exact-normal) > 0.005 {
			t.Errorf("U %d: exact %v, normal %v", u, exact, normal)
		}
	}
}

// Samples of one distribution differ in about as many runs as the level says,
// and a shift by a tenth of the spread is found in large ones.
func TestErrorRates(t *testing.T) {
	chance := rand.New(rand.NewPCG(5, 5))
	sample := func(n int, shift float64) *Distribution {
		d := &Distribution{}
		for range n {
			d.Add(time.Duration(1e6 + 1e4*chance.NormFloat64() + shift))
		}
		return d
	}
	const runs = 1000
	wrong := 0
	for range runs {
		if Compare(sample(40, 0), sample(40, 0)).P < 0.05 {
			wrong++
		}
	}
	if wrong < 30 || wrong > 72 {
		t.Errorf("%d of %d equal pairs were told apart at the 5 %% level", wrong, runs)
	}
	c := Compare(sample(20_000, 0), sample(20_000, 1000))
	if c.P > 1e-6 || c.Superiority < 0.51 || c.Differ() {
		t.Errorf("a shift of a tenth: %+v: significant, yet negligible", c)
	}
	if c := Compare(sample(50, 0), sample(50, 2e4)); !c.Differ() || c.Effect() != "large" || c.Shift < 15_000 {
		t.Errorf("a shift of twice the spread: %+v, effect %s", c, c.Effect())
	}
}
