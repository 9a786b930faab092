package probe

import (
	"time"

	"synscope/netraw"
)

// lookEvery is how often the counters are looked at: progress, kernel drops.
const lookEvery = 250 * time.Millisecond

// counters is the summary in the making.
type counters struct {
	Summary
	base       netraw.Stats // of the network when the run began
	drops      uint64       // seen so far
	nextLook   time.Duration
	lastSent   uint64
	lastLook   time.Duration
	lastSend   time.Duration // when the last first attempt left
	unfinished uint64        // targets taken up and left without a verdict of their own
	unroutable error         // why a target could not be reached from here
}

func newCounters(base netraw.Stats) counters {
	c := counters{base: base}
	c.Rejected, c.States = map[string]uint64{}, map[State]uint64{}
	return c
}

// countPacket counts a packet that arrived, and lets accept, which says why if it
// rejects it, have it unless it was rejected before.
func countPacket(s *Summary, ev *event, accept func(*event) (reject string)) {
	s.Received++
	if ev.reject == "" {
		ev.reject = accept(ev)
	}
	if ev.reject == "" {
		s.Matched++
		return
	}
	s.Rejected[ev.reject]++
}

func (c *counters) sent(attempt int, now time.Duration) {
	c.Sent++
	c.lastSend = now
	if attempt > 0 {
		c.Retransmitted++
	}
}

// timeLeft extrapolates from the targets done so far; zero where it cannot.
func timeLeft(elapsed time.Duration, done, total uint64) time.Duration {
	if done == 0 || total <= done {
		return 0
	}
	return time.Duration(float64(elapsed) / float64(done) * float64(total-done))
}

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// errorOr is the first of two errors that is one.
func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
