package rtt

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The counts and percentiles are those of HdrHistogram, an implementation of others.
func TestHistogramIsHdrHistogram(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, p := range []Precision{Coarse, Precise} {
		ours, theirs := newHistogram(p), hdrhistogram.New(1, int64(longest), int(p))
		for range 200_000 {
			v := time.Duration(random.ExpFloat64() * float64(time.Duration(1)<<random.IntN(40)))
			ours.add(v)
			theirs.RecordValue(int64(min(v, longest)))
		}
		counted := uint64(0)
		for _, n := range ours.counts {
			counted += n
		}
		if want := uint64(theirs.TotalCount()); ours.total != want || counted != want {
			t.Errorf("precision %d: %d values, %d in the steps, theirs %d", p, ours.total, counted, want)
		}
		for _, bar := range theirs.Distribution() {
			if got := ours.counts[ours.index(time.Duration(bar.From))]; bar.Count > 0 && got != uint64(bar.Count) {
				t.Fatalf("precision %d: %d values from %d to %d, theirs %d", p, got, bar.From, bar.To, bar.Count)
			}
		}
		for _, q := range []float64{0.1, 1, 10, 50, 90, 99, 99.9, 99.99, 100} {
			if got, want := ours.percentile(q), time.Duration(theirs.ValueAtPercentile(q)); got != want {
				t.Errorf("precision %d: p%v is %v, theirs %v", p, q, got, want)
			}
		}
	}
}

// Steps follow each other without a gap, and none is wider than the precision.
func TestHistogramSteps(t *testing.T) {
	for p, most := range map[Precision]float64{Coarse: 0.01, Precise: 0.001} {
		h := newHistogram(p)
		next := time.Duration(0)
		for i := range h.counts {
			from, to := h.step(i)
			if from != next || to < from || h.index(from) != i || h.index(to) != i || float64(to-from) > most*float64(from) {
				t.Fatalf("precision %d: step %d is %d to %d after %d", p, i, from, to, next-1)
			}
			next = to + 1
		}
		if next <= longest {
			t.Errorf("precision %d: the steps end at %v", p, next)
		}
	}
}
