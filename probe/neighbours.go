package probe

import (
	"net/netip"
	"time"

	"synscope/netraw"
)

// Neighbours finds out which destinations on the link are there, before packets
// are sent to them. [netraw.Neighbours] is the real one. Nothing waits; one
// goroutine uses it.
type Neighbours interface {
	// AskRoute wants to know about dst, whose route was looked up, and returns
	// what is known by now. Where that is pending, Poll returns the outcome.
	AskRoute(dst netip.Addr, route netraw.Route) netraw.Neighbour
	// Poll asks what is to be asked by now, and appends what was decided.
	Poll(found []netraw.Neighbour) []netraw.Neighbour
	// Next is how long Poll need not be called unless Ready says so; false
	// while nothing is pending.
	Next() (time.Duration, bool)
	// Ready receives a value when it is time for Poll.
	Ready() <-chan struct{}
}
