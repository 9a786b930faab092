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

// look compares what was asked with what was achieved, and slows down while
// the kernel drops replies, unless the rate was a command.
func (e *engine) look() {
	c := &e.counters
	stats := e.network.Stats()
	drops := stats.KernelDrops - c.base.KernelDrops
	rate := perSecond(c.Sent-c.lastSent, e.now-c.lastLook)
	if !e.cfg.FixedRate {
		e.adapt(drops > c.drops, rate)
	}
	c.drops = drops
	c.lastSent, c.lastLook, c.nextLook = c.Sent, e.now, e.now+lookEvery
	if e.cfg.OnProgress != nil {
		e.cfg.OnProgress(e.progressNow(rate))
	}
}

func (e *engine) adapt(dropped bool, achieved float64) {
	if dropped {
		e.pace.slower(achieved)
	} else {
		e.pace.faster()
	}
}

func (e *engine) progressNow(rate float64) Progress {
	c := &e.counters
	return Progress{
		Done: c.Probes, Total: e.cfg.Total,
		Sent: c.Sent, Received: c.Received, KernelDrops: c.drops,
		InFlight:  e.flights.live,
		RateAsked: e.pace.rate(), RateAchieved: rate,
		Elapsed: e.now, Left: timeLeft(e.now, c.Probes, e.cfg.Total),
	}
}

// timeLeft extrapolates from the targets done so far; zero where it cannot.
func timeLeft(elapsed time.Duration, done, total uint64) time.Duration {
	if done == 0 || total <= done {
		return 0
	}
	return time.Duration(float64(elapsed) / float64(done) * float64(total-done))
}

// summary is what the run did.
func (e *engine) summary() Summary {
	s := e.counters.Summary
	stats := e.network.Stats()
	s.SendErrors = stats.SendErrors - e.counters.base.SendErrors
	s.KernelDrops = stats.KernelDrops - e.counters.base.KernelDrops
	s.Took = e.now
	s.Rate = perSecond(s.Sent, e.counters.lastSend)
	s.Complete = e.complete()
	return s
}

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
