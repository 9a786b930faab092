package probe

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
