package sample

import "time"

// The wall clock, whose stamps the kernel puts on packets, is compared with the
// monotonic one round every exchange. Only setting it changes the distance of
// the two: adjtimex(2) slews both alike.
const (
	stepLimit    = 100 * time.Microsecond // smaller than this is the inaccuracy of reading two clocks
	readTogether = 20 * time.Microsecond  // how far apart two readings may be to count as one
	readTries    = 5
)

// timeline takes steps of the wall clock out of a run's stamps.
type timeline struct{ start time.Time }

// read returns the wall clock and its distance from the monotonic one.
func (l timeline) read() (wall time.Time, offset time.Duration) {
	for range readTries {
		before := time.Since(l.start)
		t := time.Now()
		mono := t.Sub(l.start)
		wall, offset = t.Round(0), t.Round(0).Sub(l.start.Round(0))-mono
		if time.Since(l.start)-before < readTogether {
			break
		}
	}
	return wall, offset
}

// stepped tells whether the wall clock was set between two readings.
func stepped(a, b time.Duration) bool { return (a - b).Abs() > stepLimit }

// stamp is the wall clock's t in nanoseconds as it would have been had the
// clock not been set since the run began.
func stamp(t time.Time, offset time.Duration) int64 {
	if offset.Abs() <= stepLimit {
		offset = 0
	}
	return t.UnixNano() - int64(offset)
}
