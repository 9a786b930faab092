package target

import (
	"iter"
	"net/netip"
)

const (
	// foremost is how many of the most commonly served ports come before all others.
	foremost = 24
	// foremostPairs is the largest set that is walked twice for that.
	foremostPairs = 1 << 24
)

// Foremost walks every pair once, in the order of seed, those of the most commonly served
// ports before all others: where answers are likely they come while nothing has yet filled a
// limit, a queue or a table of connections on the way, and tell early how far a host is.
// Sets of more than 2^24 pairs are walked as by [Set.All].
func (s *Set) Foremost(seed uint64) iter.Seq[netip.AddrPort] {
	if s.Count() > foremostPairs {
		return s.All(seed)
	}
	return func(yield func(netip.AddrPort) bool) {
		served := foremostPorts()
		for _, turn := range []bool{true, false} {
			for pair := range s.All(seed) {
				if served[pair.Port()] == turn && !yield(pair) {
					return
				}
			}
		}
	}
}

func foremostPorts() []bool {
	served := make([]bool, 1<<16)
	for _, port := range catalogue().order[:foremost] {
		served[port] = true
	}
	return served
}
