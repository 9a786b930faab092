package sample

import (
	"sync"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// Reasons for which a packet is rejected, as counted in [probe.Summary]; those
// that the scan shares have its words.
const (
	rejectDecode      = "undecodable"
	rejectPort        = "foreign-port"
	rejectTarget      = "unsolicited"
	rejectFlags       = "unexpected-flags"
	rejectAck         = "bad-ack"
	rejectQuote       = "foreign-quote"
	rejectDuplicate   = "duplicate"        // of an answer that was taken
	rejectLate        = "late"             // to a SYN that was given up, or again from its half-open connection
	rejectAfter       = "after-verdict"    // came when its target was done
	rejectOverrun     = "overrun"          // came faster than it was read
	rejectUnconfirmed = "unverified-reset" // an RST with no number to check
)

// counters is a run's summary in the making; several goroutines count.
type counters struct {
	mu    sync.Mutex
	sum   probe.Summary
	base  netraw.Stats
	start time.Time
	done  uint64 // steps that had their turn
	total uint64
}

func newCounters(base netraw.Stats, total uint64) *counters {
	return &counters{base: base, start: time.Now(), total: total,
		sum: probe.Summary{Rejected: map[string]uint64{}, States: map[probe.State]uint64{}, Complete: true}}
}

// count changes the summary under the lock.
func (c *counters) count(f func(*probe.Summary)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.sum)
}

func (c *counters) reject(reason string) {
	c.count(func(s *probe.Summary) { s.Received++; s.Rejected[reason]++ })
}

func (c *counters) match() {
	c.count(func(s *probe.Summary) { s.Received++; s.Matched++ })
}

// advance counts n steps as done and returns how the run stands.
func (c *counters) advance(n int, asked float64) probe.Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = min(c.done+uint64(n), c.total)
	took := time.Since(c.start)
	p := probe.Progress{Done: c.done, Total: c.total, Sent: c.sum.Sent, Received: c.sum.Received,
		RateAsked: asked, RateAchieved: float64(c.sum.Sent) / max(took.Seconds(), 1e-9), Elapsed: took}
	if c.done > 0 {
		p.Left = time.Duration(float64(took) / float64(c.done) * float64(c.total-c.done))
	}
	return p
}

// summary is what the run did, by the network's own counters where it has them.
func (c *counters) summary(now netraw.Stats) probe.Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sum
	s.SendErrors = now.SendErrors - c.base.SendErrors
	s.KernelDrops = now.KernelDrops - c.base.KernelDrops
	s.Took = time.Since(c.start)
	if seconds := s.Took.Seconds(); seconds > 0 {
		s.Rate = float64(s.Sent) / seconds
	}
	return s
}
