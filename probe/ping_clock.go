package probe

import "time"

const (
	// stepLimit is the smallest step of the wall clock that is told from the
	// inaccuracy of reading two clocks.
	stepLimit = 100 * time.Microsecond
	// readTogether is how far apart two readings may be to count as one.
	readTogether = 20 * time.Microsecond
	readTries    = 5
)

// clocks compares the wall clock, whose stamps the kernel puts on packets, with
// the monotonic one. Only a step changes the distance of the two:
// CLOCK_MONOTONIC is slewed by the same adjtimex(2) frequency as
// CLOCK_REALTIME, at most 500 parts in a million, whereas CLOCK_MONOTONIC_RAW
// is not and would make steps of a slewing that no RTT can notice.
type clocks struct{ start time.Time }

// read returns the time since start by the monotonic clock, the wall clock
// with it, and their distance, which is constant until the clock is stepped.
func (c clocks) read() (now time.Duration, wall time.Time, offset time.Duration) {
	for range readTries {
		before := time.Since(c.start)
		t := time.Now()
		now, wall = t.Sub(c.start), t.Round(0)
		if time.Since(c.start)-before < readTogether {
			break
		}
	}
	return now, wall, wall.Sub(c.start.Round(0)) - now
}

// stepped tells whether the wall clock was set between two readings of offset.
func stepped(a, b time.Duration) bool { return (a - b).Abs() > stepLimit }
