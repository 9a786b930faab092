package wire

import (
	"time"

	"synscope/probe/rtt"
)

// Bounds of the retransmission timeout. RFC 6298 §2.1 starts at one second and
// §2.4 asks for a floor of one second too; like Linux (TCP_RTO_MIN) we go
// below that floor, because a probe that is repeated early costs one packet
// and its late answer still names the transmission that it belongs to.
const (
	initialRTO = time.Second
	MinRTO     = 100 * time.Millisecond
)

// RTO is RFC 6298 for one host. Karn's problem does not arise: each
// answer names its transmission. The zero value has no sample yet.
type RTO struct {
	rtt.Smoothed
	least time.Duration // that any SYN-ACK took; 0: none came
}

// Repeated tells whether a SYN-ACK that took so long may be a retransmission of one that was lost:
// it answers the same transmission, but its time is no round trip. If nothing came sooner, the next
// one that takes as long is taken for a first one: waiting too long is better than not long enough.
// What is reported as a round trip is for [Trips] to say.
func (r *RTO) Repeated(took time.Duration) bool {
	usual := r.least
	if usual == 0 || took < usual {
		r.least = took
	}
	return Repeats(took, usual)
}

// Least is the least time that a SYN-ACK took, 0 where none came.
func (r *RTO) Least() time.Duration { return r.least }

// Wait is how long to wait for the answer to attempt n (from 0): doubled for
// each attempt before it (§5.5), never more than limit.
func (r *RTO) Wait(attempt int, limit time.Duration) time.Duration {
	base := initialRTO
	if r.Known() {
		base = max(r.Timeout(), MinRTO)
	}
	for ; attempt > 0 && base < limit; attempt-- {
		base *= 2
	}
	return min(base, limit)
}

// Times are round-trip times of one kind, as RFC 6298 remembers them, and how many they are.
type Times struct {
	rtt.Smoothed
	N int
}

// Sample takes one in.
func (t *Times) Sample(took time.Duration) {
	t.Smoothed.Sample(took)
	t.N++
}
