package probe

import "time"

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

// clocks compares the wall clock, whose stamps the kernel puts on packets, with
// CLOCK_MONOTONIC_RAW, which nobody sets or slews. CLOCK_MONOTONIC would not
// do: it is slewed with the wall clock, by up to a tenth where a daemon bends
// the length of the tick (ADJ_TICK, adjtimex(2)), and a round trip measured
// meanwhile is wrong by as much. Ordinary slewing changes one by a thousandth
// at the most and is let pass.
type clocks struct {
	start time.Time            // the run's
	raw   func() time.Duration // CLOCK_MONOTONIC_RAW
	zero  time.Duration        // of raw, at the start
}

// reading is one look at the clocks.
type reading struct {
	now  time.Duration // since the start of the run, by the monotonic clock
	wall time.Time     // the wall clock, without a monotonic reading
	raw  time.Duration // since the start of the run, by the raw clock
}

func newClocks(n Network) clocks {
	return clocks{start: time.Now(), raw: n.MonotonicRaw, zero: n.MonotonicRaw()}
}

// read looks at all three, as near to one moment as it gets: between two looks
// at the raw clock.
func (c clocks) read() (r reading) {
	for range readTries {
		before := c.raw()
		t := time.Now()
		apart := c.raw() - before
		r = reading{now: t.Sub(c.start), wall: t.Round(0), raw: before + apart/2 - c.zero}
		if apart < readTogether {
			break
		}
	}
	return r
}

// stepped tells whether the wall clock was set between two readings, or slewed
// so fast that a time between them is not to be trusted.
func (r reading) stepped(later reading) bool {
	raw := later.raw - r.raw
	return (later.wall.Sub(r.wall) - raw).Abs() > stepLimit+raw.Abs()/slewLimit
}
