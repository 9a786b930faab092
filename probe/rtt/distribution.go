package rtt

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

// Precision is how exactly a [Distribution] keeps values once there are more
// than [Exact] of them: in significant decimal digits.
type Precision int

// The precisions, and what they cost from the first value beyond [Exact] on.
const (
	Coarse  Precision = 2 // 1 %, 37 KiB
	Precise Precision = 3 // 0.1 %, 270 KiB
)

const (
	// Exact is how many values a distribution keeps as they are.
	Exact = 1024
	// longest is the longest time that is told from longer ones.
	longest = time.Hour
)

// Distribution is a multiset of durations in constant memory. The zero value
// is empty, and [Precise].
type Distribution struct {
	precision Precision
	values    []time.Duration // while there are at most Exact
	sorted    bool
	counts    *histogram // afterwards
	min, max  time.Duration
}

// Add takes one value; a negative one counts as zero.
func (d *Distribution) Add(v time.Duration) {
	v = max(v, 0)
	if d.N() == 0 {
		d.min, d.max = v, v
	}
	d.min, d.max = min(d.min, v), max(d.max, v)
	if d.counts == nil && len(d.values) == Exact {
		d.spill()
	}
	if d.counts == nil {
		d.values, d.sorted = append(d.values, v), false
		return
	}
	d.counts.add(v)
}

// spill moves the values into a histogram.
func (d *Distribution) spill() {
	d.precision = cmp.Or(d.precision, Precise)
	d.counts = newHistogram(d.precision)
	for _, v := range d.values {
		d.counts.add(v)
	}
	d.values = nil
}

// N is how many values there are.
func (d *Distribution) N() uint64 {
	if d.counts != nil {
		return d.counts.total
	}
	return uint64(len(d.values))
}

// Min and Max are exact, and zero where there is no value.
func (d *Distribution) Min() time.Duration { return d.min }

// Max is the largest value.
func (d *Distribution) Max() time.Duration { return d.max }

// Percentile is the nearest-rank percentile: the smallest value that at least
// p percent of all values do not exceed; zero where there is no value. It is
// one of the values, or within the precision of one.
func (d *Distribution) Percentile(p float64) time.Duration {
	if d.counts != nil {
		return min(max(d.counts.percentile(p), d.min), d.max)
	}
	if len(d.values) == 0 {
		return 0
	}
	d.sort()
	rank := int(math.Ceil(p / 100 * float64(len(d.values))))
	return d.values[min(max(rank, 1), len(d.values))-1]
}

func (d *Distribution) sort() {
	if !d.sorted {
		slices.Sort(d.values)
		d.sorted = true
	}
}

// All yields each different value once, in ascending order, and how often it
// occurs. Values out of a histogram are the middles of its steps.
func (d *Distribution) All() iter.Seq2[time.Duration, uint64] {
	if d.counts != nil {
		return d.steps
	}
	return d.exactly
}

func (d *Distribution) steps(yield func(time.Duration, uint64) bool) {
	for i, n := range d.counts.counts {
		from, to := d.counts.step(i)
		if n > 0 && !yield(min(max(from+(to-from)/2, d.min), d.max), n) {
			return
		}
	}
}

func (d *Distribution) exactly(yield func(time.Duration, uint64) bool) {
	d.sort()
	for i := 0; i < len(d.values); {
		end := i + 1
		for end < len(d.values) && d.values[end] == d.values[i] {
			end++
		}
		if !yield(d.values[i], uint64(end-i)) {
			return
		}
		i = end
	}
}
