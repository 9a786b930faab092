package picture

import (
	"math"
	"strconv"
)

// Axis is one axis of a panel. It ends where Low and High say, no further.
type Axis struct {
	Label     string
	Low, High float64
	Log       bool
	Ticks     []Tick // in ascending order; without any, at round numbers
	Hidden    bool
}

// Tick is a mark of an axis, with words or without.
type Tick struct {
	At    float64
	Words string
}

// share is where a value lies between the ends, from 0 to 1.
func (a *Axis) share(v float64) float64 {
	low, high := a.Low, a.High
	if a.Log {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	if !(high > low) {
		return 0.5
	}
	return (v - low) / (high - low)
}

// ticks are the marks within the axis.
func (a *Axis) ticks() []Tick {
	switch {
	case a.Hidden:
		return nil
	case a.Ticks != nil:
		return a.Ticks
	case a.Log:
		return LogTicks(a.Low, a.High)
	}
	return EvenTicks(a.Low, a.High)
}

// EvenTicks are four to ten ticks at multiples of 1, 2 or 5 times a power of ten.
func EvenTicks(low, high float64) (ticks []Tick) {
	if !(high > low) || math.IsInf(high-low, 0) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/5)))
	for _, wider := range []float64{5, 2} {
		if (high-low)/(wider*step) >= 5 {
			step *= wider
			break
		}
	}
	const slack = 1e-9 // of a step, for what rounding takes from the last
	first := math.Ceil(low/step - slack)
	for n := 0.0; n < 20; n++ {
		v := (first + n) * step
		if v > high+slack*step || n > 0 && v == (first+n-1)*step { // a step too small for numbers so large
			break
		}
		ticks = append(ticks, Tick{v, strconv.FormatFloat(v+0, 'g', 6, 64)})
	}
	return plain(ticks)
}

// plain writes numbers without an exponent where they are short so.
func plain(ticks []Tick) []Tick {
	for i, t := range ticks {
		if a := math.Abs(t.At); a == 0 {
			ticks[i].Words = "0"
		} else if a < 1e7 && a >= 1e-4 {
			ticks[i].Words = strconv.FormatFloat(rounded(t.At), 'f', -1, 64)
		}
		if t.At < 0 && ticks[i].Words[0] == '-' {
			ticks[i].Words = "−" + ticks[i].Words[1:]
		}
	}
	return ticks
}

// rounded is a number to six digits.
func rounded(v float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	return r
}

// LogTicks are at 1, 2 and 5 of every decade, or, where there are many decades, at
// 1; and even ones where there is less than one.
func LogTicks(low, high float64) (ticks []Tick) {
	steps := []float64{1, 2, 5}
	if high > 1e5*low {
		steps = steps[:1]
	}
	for decade := math.Pow(10, math.Floor(math.Log10(low))); decade <= high; decade *= 10 {
		for _, step := range steps {
			if v := step * decade; v >= low && v <= high {
				ticks = append(ticks, Tick{v, strconv.FormatFloat(v, 'g', 4, 64)})
			}
		}
	}
	if len(ticks) < 2 {
		return EvenTicks(low, high)
	}
	return plain(ticks)
}
