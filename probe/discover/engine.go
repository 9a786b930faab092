package discover

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// engine runs one discovery. All its state belongs to the goroutine of run.
type engine struct {
	wire.Sweep
	cfg   *Config
	yield func(Host) error

	asks      *questions
	asksAt    map[uint16]*questions // where one port is of interest, by port
	hosts     map[netip.Addr]*host
	byID      []*host // nil once decided
	timers    wire.Timers
	resolving wire.Resolving[*host]
	witnesses limit.Witnesses[witness]
	trialDue  uint64 // as of so many packets one is asked beside others
	slow      slowdown
	shared    sharedLink
	earlier   probe.Earlier // for the run that probes the ports
	due       []*host       // to be sent a round, or the rest of one

	next       func() (netip.Addr, bool)
	exhausted  bool
	queueing   int           // hosts that wait for a place in their network
	foundAt    time.Duration // when the last was
	found      int           // hosts that are up
	silent     []*host       // in the order in which their silence was kept back
	untold     int           // of these, those not decided yet
	lost       error         // why a host could not be reached from here
	unroutable uint64        // hosts that could not
	apart      time.Duration // that pauses took
}

func newEngine(n probe.Polled, cfg *Config, yield func(Host) error) (*engine, error) {
	look := cfg.look()
	x, err := wire.NewSweep(n, look, cfg.Rate, allAttempts)
	if err != nil {
		return nil, err
	}
	x.Matcher.Echoes = true
	return &engine{
		Sweep: x, cfg: cfg, yield: yield, asks: newQuestions(cfg.Forbidden), asksAt: map[uint16]*questions{},
		witnesses: limit.Witnesses[witness]{Most: mostTrials}, shared: sharedLink{}, hosts: map[netip.Addr]*host{}, resolving: wire.NewResolving[*host](cfg.Neighbours),
		earlier: probe.Earlier{Key: look.Key, Attempts: allAttempts},
	}, nil
}

// run takes in what arrived, sees what is overdue, sends what may be sent, and waits
// for whichever comes next.
func (e *engine) run(ctx context.Context, pause func() bool) error {
	e.Run(ctx, e.resolving.Ready(), e.handle, func() (more bool) {
		e.RampUp()
		e.resolving.Poll(e.Now, e.busy(), e.resolved)
		if e.LookDue() {
			e.look()
		}
		e.mindLimit()
		e.expire()
		e.tellSilences(e.exhausted && e.sought() == 0 && e.lingers() <= e.Now)
		e.fill()
		if e.Stopping {
			return e.underWay()
		}
		return !e.finished() && !pause()
	}, e.wakeUp)
	if e.Stopping || e.Failure != nil {
		e.CloseRest()
	}
	if e.Stopping && e.Failure == nil {
		e.tellSilences(true)
	}
	if e.Stopping || e.finished() {
		e.tellSilent()
	}
	return e.outcome()
}

// busy tells whether there is anything to do but to wait for hosts on the link that did not
// answer.
func (e *engine) busy() bool { return !e.exhausted || e.sought() > e.resolving.Waiting() }

func (e *engine) finished() bool {
	return e.exhausted && len(e.hosts) == 0 && e.Responses.Waiting() == 0 && e.slow.state != paceTrying
}

// underWay tells whether answers to what has left are waited for, once no more is sent.
func (e *engine) underWay() bool {
	return e.Responses.Waiting() > 0 || slices.ContainsFunc(e.byID, func(h *host) bool {
		return h != nil && !h.untold && len(h.sent) > 0 && h.lastSent()+e.patience() > e.Now
	})
}

// wakeUp is the time until which nothing is due.
func (e *engine) wakeUp() time.Duration {
	wake := e.resolving.WakeUp(e.Now)
	if next, ok := e.timers.Next(); ok {
		wake = min(wake, next.At)
	}
	if pause := e.foundAt + shortestPause; e.found > 0 && pause >= e.Now {
		wake = min(wake, pause+1)
	}
	if e.slow.state == paceTrying {
		wake = min(wake, e.Now+limit.Look)
	}
	if at := e.lingers(); e.sought() == 0 && at > e.Now {
		wake = min(wake, at)
	}
	if at, ok := e.Responses.Due(); ok && at > e.Now {
		wake = min(wake, at)
	}
	if e.wants() {
		wake = min(wake, max(e.Pace.WakeUp(), e.Paused))
	}
	return wake
}

func (e *engine) outcome() error {
	switch {
	case e.Failure != nil:
		return e.Failure
	case e.Stopping && !e.finished():
		return probe.ErrInterrupted
	case e.lost != nil && e.unroutable == e.Counters.Probes:
		return e.lost
	}
	return nil
}

// look tells how far the run is.
func (e *engine) look() {
	_, rate, _ := e.Look()
	if e.cfg.OnProgress != nil {
		e.cfg.OnProgress(e.Progress(e.cfg.Total, e.sought(), rate))
	}
}

func (e *engine) summary() probe.Summary {
	s := e.Counted()
	s.Took -= e.apart
	s.Rate = wire.PerSecond(s.Sent, e.Counters.LastSend-e.apart)
	s.Complete = e.Failure == nil && e.finished()
	return s
}
