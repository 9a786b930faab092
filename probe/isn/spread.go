package isn

import (
	"time"
)

// Spread is how much the way there and the way back vary.
type Spread struct {
	N           int
	There, Back time.Duration // robust standard deviations
}

// normal turns a median absolute deviation into the standard deviation of a
// normal distribution: 1 / Φ⁻¹(3/4).
const normal = 1.4826

// SpreadOf measures how much each way varies, by the median distance from the
// median: the few packets that waited long do not count for more than others.
func SpreadOf(delays []Delay) Spread {
	there, back := make([]time.Duration, len(delays)), make([]time.Duration, len(delays))
	for i, d := range delays {
		there[i], back[i] = d.There, d.Back
	}
	return Spread{N: len(delays), There: deviation(there), Back: deviation(back)}
}

// deviation is the robust standard deviation, 0 of fewer than two.
func deviation(values []time.Duration) time.Duration {
	if len(values) < 2 {
		return 0
	}
	middle := median(values)
	for i, v := range values {
		values[i] = (v - middle).Abs()
	}
	return time.Duration(normal * float64(median(values)))
}
