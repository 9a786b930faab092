package wire

import (
	"time"

	"synscope/probe"
)

const (
	// stepLimit is the smallest step of the wall clock that is told from the
	// inaccuracy of reading two clocks.
	stepLimit = 100 * time.Microsecond
	// slewLimit is how fast the wall clock may run from the raw one and count
	// as merely slewed, as 1/slewLimit: a frequency correction is at most 500
	// parts in a million (MAXFREQ in include/linux/timex.h), and adjtime(3)
	// works off its adjustment at 500 more (MAX_TICKADJ in kernel/time/ntp.c).
	slewLimit = 1000
	// readTogether is how far apart two readings may be to count as one.
	readTogether = 20 * time.Microsecond
	readTries    = 5
)

// Clocks compares the wall clock, whose stamps the kernel puts on packets, with
// CLOCK_MONOTONIC_RAW, which nobody sets or slews. CLOCK_MONOTONIC would not do: it is slewed with
// the wall clock, by up to a tenth where a daemon changes the length of the tick (ADJ_TICK,
// adjtimex(2)), and a round trip measured meanwhile is wrong by as much. Ordinary slewing changes a
// round trip by a thousandth at most, and is accepted.
type Clocks struct {
	start time.Time            // the run's
	raw   func() time.Duration // CLOCK_MONOTONIC_RAW
	zero  time.Duration        // of raw, at the start
}

// now is the time since the start of the run.
func (c Clocks) now() time.Duration { return time.Since(c.start) }

// Reading is one look at the clocks.
type Reading struct {
	Now  time.Duration // since the start of the run, by the monotonic clock
	Wall time.Time     // the wall clock, without a monotonic reading
	raw  time.Duration // since the start of the run, by the raw clock
}

func NewClocks(n probe.Network) Clocks {
	return Clocks{start: time.Now(), raw: n.MonotonicRaw, zero: n.MonotonicRaw()}
}

// Read looks at all three, as near to one moment as it gets: between two looks
// at the raw clock.
func (c Clocks) Read() (r Reading) {
	for range readTries {
		before := c.raw()
		t := time.Now()
		apart := c.raw() - before
		r = Reading{Now: t.Sub(c.start), Wall: t.Round(0), raw: before + apart/2 - c.zero}
		if apart < readTogether {
			break
		}
	}
	return r
}

// Stepped tells whether the wall clock was set between two readings, or slewed
// so fast that a time between them is not to be trusted.
func (r Reading) Stepped(later Reading) bool {
	raw := later.raw - r.raw
	return (later.Wall.Sub(r.Wall) - raw).Abs() > stepLimit+raw.Abs()/slewLimit
}
