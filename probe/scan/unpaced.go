package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// SilentSpan is how long a scan whose [Config.Rate] is 0 takes to send so many packets
// where nothing answers; bound is [probe.RoutedRate], [probe.LinkRate] or [probe.LocalRate]. It is
// the longest time there is where that is too long for one.
func SilentSpan(packets uint64, bound float64) time.Duration {
	return wire.SilentSpan(packets, bound)
}
