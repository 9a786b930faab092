package rtt

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// draw is n values as a network gives them: a floor, a long tail, ties.
func draw(n int, seed uint64) []time.Duration {
	chance := rand.New(rand.NewPCG(seed, 1))
	values := make([]time.Duration, n)
	for i := range values {
		values[i] = time.Duration(7000+300*chance.ExpFloat64()*chance.ExpFloat64()*10) * time.Nanosecond
	}
	return values
}

func distribute(values []time.Duration, p Precision) *Distribution {
	d := &Distribution{precision: p}
	for _, v := range values {
		d.Add(v)
	}
	return d
}

// nearestRank is the definition, by counting.
func nearestRank(values []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	for i, v := range sorted {
		if float64(i+1) >= p/100*float64(len(sorted)) {
			return v
		}
	}
	return 0
}

func TestPercentileIsNearestRank(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 99, 100, 101, Exact} {
		values := draw(n, uint64(n))
		d := distribute(values, Precise)
		for _, p := range []float64{0.1, 1, 25, 50, 75, 90, 95, 99, 99.9, 100} {
			if got, want := d.Percentile(p), nearestRank(values, p); got != want {
				t.Errorf("%d values: p%g = %v, want %v", n, p, got, want)
			}
		}
	}
}

// Beyond Exact the values are within the precision that was asked for.
func TestPercentileOfMany(t *testing.T) {
	values := draw(100_000, 7)
	for precision, off := range map[Precision]float64{Precise: 0.001, Coarse: 0.01} {
		d := distribute(values, precision)
		if d.counts == nil {
			t.Fatal("all values are still kept")
		}
		for _, p := range []float64{1, 50, 90, 99, 99.9, 100} {
			got, want := float64(d.Percentile(p)), float64(nearestRank(values, p))
			if math.Abs(got-want) > off*want+1 {
				t.Errorf("%d digits: p%g = %v, want %v within %g", precision, p, got, want, off)
			}
		}
		if d.Min() != slices.Min(values) || d.Max() != slices.Max(values) || d.N() != 100_000 {
			t.Errorf("min %v, max %v, n %d are not exact", d.Min(), d.Max(), d.N())
		}
	}
}

// A distribution takes no more memory than its precision is said to cost, and a million
// values more allocate nothing. The runtime allocates now and then by itself: ten of a
// million are none of ours.
func TestMemoryIsConstant(t *testing.T) {
	for precision, kib := range map[Precision]int{Coarse: 37, Precise: 270} {
		d := distribute(draw(2*Exact, 3), precision)
		allocated := testing.AllocsPerRun(1, func() {
			for i := range 1_000_000 {
				d.Add(time.Duration(i) * time.Microsecond)
			}
		})
		bytes := 8*cap(d.counts.counts) + 8*cap(d.values)
		if bytes > kib<<10 || bytes < kib<<9 || allocated > 10 {
			t.Errorf("%d digits: %d bytes, said to be %d KiB; %v allocations of a million", precision, bytes, kib, allocated)
		}
	}
}

func TestBarsHoldEverything(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []time.Duration
		n      int
	}{
		{"one value", []time.Duration{5, 5, 5}, 8},
		{"two values", []time.Duration{5, 6}, 8},
		{"a narrow range", draw(500, 1), 12},
		{"a wide range", []time.Duration{1, 10, 100, 1000, time.Second}, 5},
		{"zero and a second", []time.Duration{0, time.Second}, 5},
		{"counted", draw(5000, 2), 20},
		{"longer than can be told apart", append(draw(5000, 2), 3*time.Hour), 20},
	} {
		d := distribute(tc.values, Precise)
		bars := d.Bars(tc.n)
		sum := uint64(0)
		for i, b := range bars {
			sum += b.Count
			if i > 0 && b.From != bars[i-1].To {
				t.Errorf("%s: bar %d begins at %v, the one before ends at %v", tc.name, i, b.From, bars[i-1].To)
			}
		}
		if sum != uint64(len(tc.values)) || len(bars) > tc.n {
			t.Errorf("%s: %d bars hold %d of %d values", tc.name, len(bars), sum, len(tc.values))
		}
		if bars[0].From > d.Min() && d.Min() > 0 || bars[len(bars)-1].To < d.Max() {
			t.Errorf("%s: bars reach from %v to %v, values from %v to %v", tc.name, bars[0].From, bars[len(bars)-1].To, d.Min(), d.Max())
		}
	}
	if bars := (&Distribution{}).Bars(5); bars != nil {
		t.Errorf("bars of nothing: %v", bars)
	}
}

func TestParseStatistic(t *testing.T) {
	s := NewSeries(Precise)
	for i := range 100 {
		s.Add(time.Duration(i+1) * time.Millisecond)
	}
	for word, want := range map[string]time.Duration{
		"p95": 95 * time.Millisecond, "p99.5": 100 * time.Millisecond, "p100": 100 * time.Millisecond,
		"median": 50 * time.Millisecond, "min": time.Millisecond, "max": 100 * time.Millisecond,
		"mean": 50_500 * time.Microsecond,
	} {
		statistic, err := ParseStatistic(word)
		if err != nil || statistic.Of(s) != want {
			t.Errorf("%s = %v, %v, want %v", word, statistic.Of(s), err, want)
		}
	}
	for _, word := range []string{"", "p", "p0", "p-5", "p101", "pNaN", "p95x", "95", "p95 ", "q95", "p9_5", "pInf"} {
		if s, err := ParseStatistic(word); err == nil {
			t.Errorf("%q is taken for %v", word, s)
		}
	}
}
