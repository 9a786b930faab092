package units

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time for people, in the unit that suits it: "640 ns", "6.8 µs",
// "20.1 ms", "250 ms", "12.4 s", "2 m 05 s", "1 h 02 m", "3 d 04 h".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-max(d, -math.MaxInt64)) // the least has no positive twin
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + " ns"
	case d < 999_500*time.Nanosecond:
		return inUnit(d, time.Microsecond, " µs")
	case d < 999_500*time.Microsecond:
		return inUnit(d, time.Millisecond, " ms")
	case d < 59_950*time.Millisecond:
		return inUnit(d, time.Second, " s")
	case d < time.Hour-500*time.Millisecond:
		return inTwo(d, time.Second, 60, " m ", " s")
	case d < 24*time.Hour-30*time.Second:
		return inTwo(d, time.Minute, 60, " h ", " m")
	}
	return inTwo(d, time.Hour, 24, " d ", " h")
}

// Finer writes d below a minute with the decimals that it takes to tell apart
// what lies step apart.
func Finer(d, step time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{time.Second, " s"}, {time.Millisecond, " ms"}, {time.Microsecond, " µs"}} {
		if d >= u.size && d < time.Minute && step > 0 {
			decimals := max(1, int(math.Ceil(math.Log10(float64(u.size)/float64(step)))))
			return strconv.FormatFloat(float64(d)/float64(u.size), 'f', decimals, 64) + u.name
		}
	}
	return Duration(d)
}

// inUnit gives d in unit, to one decimal below a hundred.
func inUnit(d, unit time.Duration, name string) string {
	v, decimals := float64(d)/float64(unit), 1
	if v >= 99.95 {
		decimals = 0
	}
	return strconv.FormatFloat(v, 'f', decimals, 64) + name
}

// inTwo rounds d to small and splits it into a big unit of per small ones, and
// the rest in two digits.
func inTwo(d, small time.Duration, per int64, big, rest string) string {
	n := int64(d.Round(small) / small)
	digits := strconv.FormatInt(n%per, 10)
	if len(digits) < 2 {
		digits = "0" + digits
	}
	return strconv.FormatInt(n/per, 10) + big + digits + rest
}

// Count is a number with its thousands parted: "65,530".
func Count(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Rate is a number of packets per second in the words of --rate: "850 pps",
// "10k pps", "1.25M pps", "max" for +Inf.
func Rate(pps float64) string {
	switch {
	case math.IsInf(pps, 1):
		return "max"
	case math.IsNaN(pps) || pps < 0:
		return "? pps"
	case pps < 9.95:
		return Significant(pps, 1) + " pps"
	case pps < 999.5:
		return Significant(pps, 0) + " pps"
	case pps < 999_500:
		return scaled(pps/1e3) + "k pps"
	}
	return scaled(pps/1e6) + "M pps"
}

// scaled gives three digits of a number of thousands or millions.
func scaled(v float64) string {
	switch {
	case v < 9.995:
		return Significant(v, 2)
	case v < 99.95:
		return Significant(v, 1)
	}
	return Significant(v, 0)
}

// Significant rounds to decimals and drops those that say nothing.
func Significant(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals == 0 {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// Percent is a share of 0 to 1 with as many decimals as it needs, up to two: "0.05 %".
// What is neither nothing nor all is not said to be.
func Percent(share float64) string {
	words := Significant(100*share, 2)
	switch {
	case words == "0" && share > 0:
		return "under 0.01 %"
	case words == "100" && share < 1:
		return "over 99.99 %"
	}
	return words + " %"
}

// CountOf is a number of things: "1 port", "2 ports".
func CountOf(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Count(n) + " " + thing + "s"
}
