package scan

import (
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// look compares what was asked with what was achieved, and slows down while
// the kernel drops replies, unless the rate was a command.
func (e *engine) look() {
	c := &e.counters
	stats := e.network.Stats()
	drops := stats.KernelDrops - c.Base.KernelDrops
	rate := wire.PerSecond(c.Sent-c.LastSent, e.now-c.LastLook)
	e.adapt(drops > c.Drops, rate)
	c.Drops = drops
	c.LastSent, c.LastLook, c.NextLook = c.Sent, e.now, e.now+wire.LookEvery
	if e.cfg.OnProgress != nil {
		e.cfg.OnProgress(e.progressNow(rate))
	}
}

// adapt slows down while the kernel drops replies, unless the rate was a command,
// and while a limit of this machine's firewall refuses a part of what is sent: one
// that refuses all of it is a rule.
func (e *engine) adapt(dropped bool, achieved float64) {
	refused := e.firewalled
	e.firewalled = 0
	switch sent := e.counters.Sent - e.counters.LastSent; {
	case sent > 0 && refused > sent/limitedShare:
		e.pace.Cap(achieved)
	case e.cfg.FixedRate:
		e.pace.Faster()
	case dropped:
		e.pace.Slower(achieved)
	default:
		e.pace.Faster()
	}
}

// limitedShare of the packets that left, refused beside them, is a limit.
const limitedShare = 5

func (e *engine) progressNow(rate float64) probe.Progress {
	c := &e.counters
	return probe.Progress{
		Done: c.Probes, Total: e.cfg.Total,
		Sent: c.Sent, Received: c.Received, KernelDrops: c.Drops,
		InFlight:  e.flights.live,
		RateAsked: e.pace.Rate(), RateAchieved: rate,
		Elapsed: e.now, Left: wire.TimeLeft(e.now, c.Probes, e.cfg.Total),
	}
}

// summary is what the run did.
func (e *engine) summary() probe.Summary {
	s := e.counters.Summary
	stats := e.network.Stats()
	s.SendErrors = stats.SendErrors - e.counters.Base.SendErrors
	s.KernelDrops = stats.KernelDrops - e.counters.Base.KernelDrops
	s.Took = e.now
	s.Rate = wire.PerSecond(s.Sent, e.counters.LastSend)
	s.Complete = e.complete()
	s.Loss = probe.HostLoss{Sent: uint64(e.losses.answers + e.losses.wasted), Unanswered: uint64(e.losses.wasted)}
	return s
}
