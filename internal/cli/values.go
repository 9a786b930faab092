package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseDuration reads "5s", "250ms", or a bare number of seconds.
func parseDuration(s string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		s = strconv.FormatFloat(seconds, 'f', -1, 64) + "s"
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write 5s, 250ms, or a number of seconds", s)
	}
	return d, nil
}

// parseRate reads packets a second: "1000", "50k", "2M", or "max".
func parseRate(s string) (float64, error) {
	if s == "max" {
		return math.Inf(1), nil
	}
	digits, factor := s, 1.0
	switch {
	case strings.HasSuffix(s, "k"):
		digits, factor = s[:len(s)-1], 1e3
	case strings.HasSuffix(s, "M"):
		digits, factor = s[:len(s)-1], 1e6
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q is no rate: write packets a second as 1000, 50k, 2M, or max", s)
	}
	return n * factor, nil
}
