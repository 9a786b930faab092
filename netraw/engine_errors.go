package netraw

import "errors"

// What Blast says beside the errors of Send.
var (
	// ErrNoTemplate: the engine was opened without a probe of this IP version.
	ErrNoTemplate = errors.New("no probe for this IP version")

	// ErrNextHop: the neighbour that the route leads to does not answer ARP or
	// neighbour solicitations.
	ErrNextHop = errors.New("the next hop does not answer: compare `ip neigh`")
)
