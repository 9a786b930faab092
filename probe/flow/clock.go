package flow

import "time"

// clock is the time of a capture. It never goes back, and goes forward by a few
// seconds at most from one packet to the next: when time stamps jump, because
// somebody set the clock or files were joined, no connection times out.
type clock struct {
	now   int64 // in nanoseconds since the first packet
	stamp int64 // the highest time stamp, or the one after a jump back
	next  int64 // when the table is next searched for what has timed out

	high   int64 // the highest stamp that others went on from
	before int64 // the same before the latest jump forward
	leapt  bool  // nothing has gone on from that jump so far
	leap   int64 // now, after the latest jump forward by more than goes into now
}

// How far a stamp may be from the one before it.
const (
	mostForward = int64(10 * time.Second)
	jumpBack    = int64(time.Second)
)

// tick is how often the table is searched for what is due.
const tick = int64(10 * time.Millisecond)

// ticks are a time of a clock in units of 16.8 ms, which reach for two years.
type ticks uint32

const tickBits = 24

func ticksOf(now int64) ticks { return ticks(now >> tickBits) }

// nanoseconds converts back; the result is at most a tick too early.
func (t ticks) nanoseconds() int64 { return int64(t) << tickBits }

// advance takes in the stamp of the next packet, and tells whether it is worth
// looking for what is due.
func (c *clock) advance(at int64) bool {
	d := at - c.stamp
	c.rise(at, d)
	switch {
	case c.stamp == 0 || d < -jumpBack:
		c.stamp = at
	case d > 0:
		c.stamp = at
		c.now += min(d, mostForward)
		if d > mostForward {
			c.leap = c.now
		}
	}
	if c.now < c.next {
		return false
	}
	c.next = c.now + tick
	return true
}

// rise takes a stamp into the highest. One that jumps forward, and that the next
// falls behind, was wrong.
func (c *clock) rise(at, d int64) {
	switch {
	case c.leapt && d < -jumpBack:
		c.high, c.leapt = c.before, false
	case at > c.high:
		c.before, c.leapt = c.high, c.high != 0 && at-c.high > mostForward
		c.high = at
	}
}

// watched is how long the capture goes on after a packet with a stamp, which came at
// the time heard of this clock. Time that is there only because packets were captured
// twice, or stamped wrong, is not counted: nothing could have been captured in it.
func (c *clock) watched(stamp int64, heard ticks) time.Duration {
	high := c.high
	if c.leapt {
		high = c.before
	}
	passed := c.now - heard.nanoseconds()
	if heard.nanoseconds() < c.leap-mostForward+1<<tickBits {
		passed -= mostForward // nobody knows how long the jump was
	}
	return time.Duration(max(0, min(high-stamp, passed)))
}
