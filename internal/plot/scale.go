package plot

import (
	"math"
	"time"

	"synscope/internal/picture"
)

// timeUnit is a unit of time and its name.
type timeUnit struct {
	size time.Duration
	name string
}

func (u timeUnit) of(d time.Duration) float64 { return float64(d) / float64(u.size) }

// lengthOf is how long a run was, in a unit that suits it.
func lengthOf(all []Series) (end float64, unit timeUnit) {
	last := time.Duration(0)
	for _, s := range all {
		for _, b := range s.Timeline.Bins() {
			last = max(last, b.At)
		}
	}
	unit = timeUnit{time.Second, "seconds"}
	switch {
	case last < oneMoment:
		return 0, unit
	case last > 72*time.Hour:
		unit = timeUnit{24 * time.Hour, "days"}
	case last > 3*time.Hour:
		unit = timeUnit{time.Hour, "hours"}
	case last > 10*time.Minute:
		unit = timeUnit{time.Minute, "minutes"}
	}
	return unit.of(last), unit
}

// oneMoment is how close probes left that left together: none is sent again so soon,
// and the first leaves some microseconds after the run has begun.
const oneMoment = time.Millisecond / 2

// timeScale is an axis of round-trip times from the smallest to the largest,
// logarithmic where the largest is more than twenty times the smallest.
type timeScale struct {
	timeUnit
	any       bool    // whether there is any time
	low, high float64 // in unit
	log       bool
}

func scaleOf(all []Series) timeScale {
	lowest, highest := time.Duration(math.MaxInt64), time.Duration(0)
	for _, s := range all {
		if d := &s.Series.Distribution; d.N() > 0 {
			lowest, highest = min(lowest, d.Min()), max(highest, d.Max(), 1)
		}
	}
	if highest == 0 {
		return timeScale{}
	}
	t := timeScale{timeUnit: timeUnit{time.Second, "s"}, any: true}
	switch {
	case highest < time.Microsecond:
		t.timeUnit = timeUnit{time.Nanosecond, "ns"}
	case highest < time.Millisecond:
		t.timeUnit = timeUnit{time.Microsecond, "µs"}
	case highest < time.Second:
		t.timeUnit = timeUnit{time.Millisecond, "ms"}
	}
	t.low, t.high = t.of(lowest), t.of(highest)
	t.log = t.low > 0 && t.high > 20*t.low
	if least := t.high / 50; !t.log && t.high-t.low < least { // equal times need some room to be seen in
		t.low, t.high = max(0, t.low-least), t.high+least
	}
	return t
}

// value is a time in the unit of the scale, not below its end.
func (t timeScale) value(d time.Duration) float64 { return max(t.of(d), t.low) }

// axis is one of times; where there are none it is not there.
func (t timeScale) axis(what string) picture.Axis {
	if !t.any {
		return picture.Axis{Hidden: true, High: 1}
	}
	words := what + " (" + t.name + ")"
	if t.log {
		words = what + " (" + t.name + ", log)"
	}
	return picture.Axis{Label: words, Low: t.low, High: t.high, Log: t.log}
}

// atOnce is an axis of time on which everything is at its beginning.
func atOnce(label string) picture.Axis {
	return picture.Axis{Label: label, Low: -1, High: 1, Ticks: []picture.Tick{{At: 0, Words: "0"}}}
}
