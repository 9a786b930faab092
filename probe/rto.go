package probe

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
	minRTO     = 100 * time.Millisecond
)

// rtoEstimator is RFC 6298 for one host. Karn's problem does not arise: each
// answer names its transmission. The zero value has no sample yet.
type rtoEstimator struct{ rtt.Smoothed }

// rto is how long to wait for the answer to attempt n (from 0): doubled for
// each attempt before it (§5.5), never more than limit.
func (r *rtoEstimator) rto(attempt int, limit time.Duration) time.Duration {
	base := initialRTO
	if r.Known() {
		base = max(r.Timeout(), minRTO)
	}
	for ; attempt > 0 && base < limit; attempt-- {
		base *= 2
	}
	return min(base, limit)
}
