package wire

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// LookEvery is how often the counters are looked at: progress, kernel drops.
const LookEvery = 250 * time.Millisecond

// Counters is the summary in the making.
type Counters struct {
	probe.Summary
	Base       netraw.Stats // of the network when the run began
	Drops      uint64       // seen so far
	NextLook   time.Duration
	LastSent   uint64
	LastLook   time.Duration
	LastSend   time.Duration // when the latest transmission left
	Unfinished uint64        // targets taken up and left without a verdict of their own
	Unroutable error         // why a target could not be reached from here
}

func NewCounters(base netraw.Stats) Counters {
	c := Counters{Base: base}
	c.Rejected, c.States = map[string]uint64{}, map[probe.State]uint64{}
	return c
}

// Count counts a packet that arrived, and passes it to accept unless it was already rejected;
// accept returns the reason if it rejects it.
func Count(s *probe.Summary, ev *Event, accept func(*Event) (reject string)) {
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

// Pass leaves out what the network has counted between two moments for another run.
func (c *Counters) Pass(from, to netraw.Stats) {
	c.Base.SendErrors += to.SendErrors - from.SendErrors
	c.Base.ResetsRefused += to.ResetsRefused - from.ResetsRefused
	c.Base.KernelDrops += to.KernelDrops - from.KernelDrops
}

// Departed counts a transmission that left at a time. What counts never stops to count:
// differences of Sent are what the pace and the ramp go by.
func (c *Counters) Departed(attempt int, at time.Duration) {
	c.Sent++
	c.LastSend = max(c.LastSend, at)
	if attempt > 0 {
		c.Retransmitted++
	}
}

// Responded counts the responses that left.
func (c *Counters) Responded(left Responded) {
	c.Resets += left.Resets
	c.Sent += left.Questions
}

// Counted is the summary as far as the counters and those of the network tell it.
func (c *Counters) Counted(stats netraw.Stats, took time.Duration) probe.Summary {
	s := c.Summary
	CountNetwork(&s, stats, c.Base)
	s.Took = took
	return s
}

// CountNetwork enters what the network has counted since it had counted base.
func CountNetwork(s *probe.Summary, now, base netraw.Stats) {
	s.SendErrors = now.SendErrors - base.SendErrors
	s.ResetsRefused = now.ResetsRefused - base.ResetsRefused
	s.KernelDrops = now.KernelDrops - base.KernelDrops
}

// NoRoute notes that a target cannot be reached from here.
func (c *Counters) NoRoute(err error) { c.Unroutable, c.Refusal = err, err }

// NotAHost notes that a target's address is not one of a host.
func (c *Counters) NotAHost(a netip.Addr) {
	if c.Unroutable == nil {
		c.Unroutable = notAHost(a)
	}
}

// TimeLeft extrapolates from the targets done so far; zero where it cannot.
func TimeLeft(elapsed time.Duration, done, total uint64) time.Duration {
	if done == 0 || total <= done {
		return 0
	}
	return time.Duration(float64(elapsed) / float64(done) * float64(total-done))
}

// PerSecond is a rate; zero over no time.
func PerSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
