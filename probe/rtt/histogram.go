package rtt

import (
	"math"
	"math/bits"
	"time"
)

// histogram counts durations from 0 to longest in steps: of one nanosecond up to the
// first power of two that is twice the precision, and from there on, of each further
// doubling, in half as many steps. So a step is never wider than the precision of the
// values in it. It is the layout of HdrHistogram.
type histogram struct {
	counts []uint64
	total  uint64
	half   int // steps in a doubling, a power of two
}

func newHistogram(p Precision) *histogram {
	half := 1 << bits.Len(uint(math.Pow10(int(p)))-1)
	h := &histogram{half: half}
	h.counts = make([]uint64, h.index(longest)+1)
	return h
}

func (h *histogram) add(v time.Duration) {
	h.counts[h.index(min(v, longest))]++
	h.total++
}

// index is the step of a value.
func (h *histogram) index(v time.Duration) int {
	shift := max(0, bits.Len64(uint64(v))-bits.Len(uint(h.half)))
	return shift*h.half + int(v>>shift)
}

// step are the least and the greatest value of a step.
func (h *histogram) step(index int) (from, to time.Duration) {
	shift := max(0, index/h.half-1)
	from = time.Duration(index-shift*h.half) << shift
	return from, from + 1<<shift - 1
}

// percentile is the greatest value of the step that holds the nearest rank.
func (h *histogram) percentile(p float64) time.Duration {
	rank := uint64(min(max(math.Ceil(p/100*float64(h.total)), 1), float64(h.total)))
	for i, n := range h.counts {
		if n >= rank {
			_, to := h.step(i)
			return to
		}
		rank -= n
	}
	return 0
}
