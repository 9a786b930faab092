package scan

import (
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// look compares what was asked with what was achieved, and tells how far the run is.
func (e *engine) look() {
	sent, rate, dropped := e.Look()
	e.adapt(sent, rate, dropped)
	if e.cfg.OnProgress != nil {
		p := e.Progress(e.cfg.Total, e.flights.busy(), rate)
		p.Done += e.search.withheld
		p.Left = wire.TimeLeft(e.Now, p.Done, p.Total)
		e.cfg.OnProgress(p)
	}
}

// adapt slows down while the kernel drops replies, unless the rate was a command,
// and while a limit of this machine's firewall refuses a part of what is sent: one
// that refuses all of it is a rule.
func (e *engine) adapt(sent uint64, achieved float64, dropped bool) {
	refused := e.firewalled
	e.firewalled = 0
	switch {
	case sent > 0 && refused > sent/limitedShare:
		e.Pace.Cap(achieved)
	case e.cfg.FixedRate:
		e.Pace.Faster()
	case dropped:
		e.Pace.Slower(achieved)
	default:
		e.Pace.Faster()
	}
}

// limitedShare of the packets that left, refused beside them, is a limit.
const limitedShare = 5

// summary is what the run did.
func (e *engine) summary() probe.Summary {
	s := e.Counted()
	s.Complete = e.complete()
	s.Loss = probe.HostLoss{Sent: uint64(e.losses.answers + e.losses.wasted), Unanswered: uint64(e.losses.wasted)}
	return s
}
