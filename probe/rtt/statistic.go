package rtt

import (
	"fmt"
	"time"
)

// ParseStatistic reads a word such as "p95", "p99.9", "min", "mean" or "max",
// and returns the statistic that it names.
func ParseStatistic(word string) (Statistic, error) {
	switch word {
	case "min", "mean", "max", "stddev", "jitter":
		return Statistic{name: word}, nil
	case "median":
		return Statistic{name: "p50", percent: 50}, nil
	}
	var p float64
	if n, err := fmt.Sscanf(word, "p%g", &p); n != 1 || err != nil || !(p > 0 && p <= 100) || word != fmt.Sprintf("p%g", p) {
		return Statistic{}, fmt.Errorf("%q is no statistic of round-trip times: want p50, p95, p99.9 and the like (above 0, up to 100), min, mean, max, stddev or jitter", word)
	}
	return Statistic{name: word, percent: p}, nil
}

// Statistic is one number of a [Series], by name.
type Statistic struct {
	name    string
	percent float64
}

// String is the name.
func (s Statistic) String() string { return s.name }

// Of is the statistic's value.
func (s Statistic) Of(series *Series) time.Duration {
	switch summary := series.Summary(); s.name {
	case "min":
		return summary.Min
	case "mean":
		return summary.Mean
	case "max":
		return summary.Max
	case "stddev":
		return summary.StdDev
	case "jitter":
		return summary.Jitter
	}
	return series.Distribution.Percentile(s.percent)
}
