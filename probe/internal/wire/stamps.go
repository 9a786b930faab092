package wire

import (
	"cmp"
	"time"

	"synscope/netraw"
)

// Stamps is one sending of a probe.
type Stamps struct {
	Sent time.Duration // by the program's clock, since the start of the run
	Left int64         // by the kernel's, in Unix nanoseconds; 0 if not seen
}

// Elapsed is the time from the transmission to an answer that the kernel
// stamped at (zero: not at all), and the clock behind it; none where a stamp is
// missing or the wall clock was set in between. sent is the program's wall
// clock at tx.sent, now the present time on the clock of tx.sent.
func (tx Stamps) Elapsed(at, sent time.Time, now time.Duration) (time.Duration, netraw.Clock) {
	if at.IsZero() {
		return now - tx.Sent, netraw.ClockUser
	}
	clock, left := netraw.ClockKernel, tx.Left
	if left == 0 {
		clock, left = netraw.ClockKernelRx, sent.UnixNano()
	}
	rtt := time.Duration(at.UnixNano() - left)
	if rtt <= 0 || rtt > now-tx.Sent+time.Millisecond {
		return 0, netraw.ClockNone
	}
	return rtt, clock
}

// Took is how long after the transmission an answer came: Elapsed, or where that tells
// nothing, until it was read.
func (tx Stamps) Took(at, sent time.Time, now time.Duration) time.Duration {
	if took, _ := tx.Elapsed(at, sent, now); took > 0 {
		return took
	}
	return now - tx.Sent
}

// After tells whether the transmission left after a packet had arrived that the
// kernel stamped at; sent is as for Elapsed. Without a stamp it did not.
func (tx Stamps) After(at, sent time.Time) bool {
	left := cmp.Or(tx.Left, sent.UnixNano())
	return !at.IsZero() && at.UnixNano() < left
}
