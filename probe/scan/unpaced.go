package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// Rates of a scan whose [Config.Rate] is 0, in packets a second. It begins at FirstRate
// and grows to one of the others, by where most care is needed of the targets that it has
// begun: so many of its packets a second at most stay without an answer. Every answer
// lets one more leave, up to LocalRate in all.
const (
	FirstRate  = wire.FirstRate
	RoutedRate = wire.RoutedRate // through a router
	LinkRate   = wire.LinkRate   // on a link of this machine
	LocalRate  = wire.LocalRate  // to this machine itself
)

// SilentSpan is how long such a scan takes to send so many packets where nothing answers;
// bound is RoutedRate, LinkRate or LocalRate. It is the longest time there is where that
// is too long for one.
func SilentSpan(packets uint64, bound float64) time.Duration {
	return wire.SilentSpan(packets, bound)
}
