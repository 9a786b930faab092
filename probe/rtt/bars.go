package rtt

import (
	"math"
	"time"
)

// Bar is one bar of a histogram: how many values lie in [From, To).
type Bar struct {
	From, To time.Duration
	Count    uint64
}

// Bars spreads the values over at most n bars of equal width, on a scale that
// is linear, or logarithmic where the largest value is more than twenty times
// the smallest: a few slow answers would leave one bar for all others. The
// last bar includes its upper end. It is nil where there is no value.
func (d *Distribution) Bars(n int) []Bar {
	if d.N() == 0 || n < 1 {
		return nil
	}
	low, high := d.min, d.max
	if low == high {
		return []Bar{{low, high, d.N()}}
	}
	scale := linear
	if float64(high) > 20*float64(max(low, 1)) {
		low, scale = max(low, 1), logarithmic
	}
	bars := make([]Bar, n)
	for i := range bars {
		bars[i].From = scale.at(low, high, float64(i)/float64(n))
		bars[i].To = scale.at(low, high, float64(i+1)/float64(n))
	}
	d.fill(bars)
	return bars
}

func (d *Distribution) fill(bars []Bar) {
	i := 0
	for v, count := range d.All() {
		for i < len(bars)-1 && v >= bars[i].To {
			i++
		}
		bars[i].Count += count
	}
}

// scale maps shares of a range to values.
type scale bool

const (
	linear      scale = false
	logarithmic scale = true
)

func (s scale) at(low, high time.Duration, share float64) time.Duration {
	if s == logarithmic {
		return round(float64(low) * math.Pow(float64(high)/float64(low), share))
	}
	return low + round(float64(high-low)*share)
}
