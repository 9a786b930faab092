package flow

import "time"

// clock is the time of a capture, which never goes back, and goes forward by
// seconds at most from one packet to the next: a stamp that jumps, because
// somebody set the clock or files were joined, makes nothing look old.
type clock struct {
	now   int64 // in nanoseconds since the first packet
	stamp int64 // the highest, or the one after a jump back
	next  int64 // when something may be due
}

// How far a stamp may be from the one before it.
const (
	mostForward = int64(10 * time.Second)
	jumpBack    = int64(time.Second)
)

// tick is how often the table is searched for what is due.
const tick = int64(10 * time.Millisecond)

// ticks are a time of a clock, in units of 16.8 ms: two years and more.
type ticks uint32

const tickBits = 24

func ticksOf(now int64) ticks { return ticks(now >> tickBits) }

// nanoseconds is the time again, a tick too early at most.
func (t ticks) nanoseconds() int64 { return int64(t) << tickBits }

// advance takes in the stamp of the next packet, and tells whether it is worth
// looking for what is due.
func (c *clock) advance(at int64) bool {
	d := at - c.stamp
	switch {
	case c.stamp == 0 || d < -jumpBack:
		c.stamp = at
	case d > 0:
		c.stamp = at
		c.now += min(d, mostForward)
	}
	if c.now < c.next {
		return false
	}
	c.next = c.now + tick
	return true
}
