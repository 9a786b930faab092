package scan

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// engine runs one scan. All its state belongs to the goroutine of run.
type engine struct {
	wire.Sweep
	cfg  *Config
	sink probe.Sink

	hosts     *hosts
	flights   *flights
	ready     ready        // hosts with probes that wait for their turn
	losses    losses       // of the whole run
	seen      trials       // of all its hosts
	batch     []wire.Entry // the flights whose packets are in the current batch
	sends     wire.SendQueue
	canaries  canaries
	rooms     []*probe.Verdict // of probes that are done, to be used again
	resolving wire.Resolving[*host]
	routes    wire.RouteChanges
	elsewhere elsewhere
	search    search
	queue     sharedQueue
	untold    untold
	limits    limits
	banned    sharedBan
	ramp      *wire.Ramp // of the pace before a lower one was tried
	questions uint64     // answers to questions, of those who had answered before

	next       func() (netip.AddrPort, bool)
	exhausted  bool   // no more targets to come
	unwatched  bool   // own packets are not seen leaving any more
	firewalled uint64 // packets that a firewall of this machine refused since the last look

	pressing []*host // that have verdicts which wait: see pressed.go
	pressed  int     // how many these are

	answering int // hosts that have answered
	silenced  int // of those, hosts that were given up: see watch.go
}

func newEngine(n probe.Polled, cfg *Config, sink probe.Sink) (*engine, error) {
	rate := cfg.Rate
	cfg.setDefaults()
	x, err := wire.NewSweep(n, cfg.look(), rate, cfg.allAttempts())
	if err != nil {
		return nil, err
	}
	x.Matcher.Echoes = cfg.Search
	x.Matcher.Before = wire.BeforeOf(cfg.Earlier, x.Matcher.Ports)
	e := &engine{
		Sweep: x, cfg: cfg, sink: sink, flights: newFlights(min(usualAttempts, cfg.attempts())),
		resolving: wire.NewResolving[*host](cfg.Neighbours), routes: wire.NewRouteChanges(n),
		seen: trials{float64(cfg.Loss.Unanswered), float64(cfg.Loss.Sent)},
	}
	e.hosts = newHosts(n, e.met)
	e.Responses.Storms = e.noteStorm
	e.Responses.Again = e.noteAgain
	e.beginLimits()
	return e, nil
}

// run takes in what arrived, sees what is overdue, sends what may be sent, and waits
// for whichever comes next.
func (e *engine) run(ctx context.Context) error {
	next, stop := iter.Pull(e.cfg.Targets)
	defer stop()
	e.next = next
	e.Start = time.Now()
	e.sends = wire.OpenSendQueue(e.Network, e.Start)
	e.Run(ctx, e.resolving.Ready(), e.handle, func() (more bool) {
		e.takeFinished()
		e.rampUp()
		e.resolving.Poll(e.Now, e.busy(), e.resolved)
		if e.LookDue() {
			e.look()
		}
		e.mindLimits()
		e.expire()
		e.tellSilences(false)
		if e.routes.Due(e.Now, time.Duration(len(e.hosts.byAddr))*wire.RouteCost) {
			e.hosts.turn++
		}
		e.fill()
		return e.Failure == nil && !e.finished()
	}, e.wakeUp)
	e.sends.Close(e.takeIn)
	e.endRests()
	e.CloseRest()
	e.abandon()
	e.report()
	return e.outcome()
}

// finished tells whether nothing is left to do, and everything closed. Canaries are sent when every
// target has its verdict.
func (e *engine) finished() bool {
	if e.flights.busy() > 0 || e.Responses.Waiting() > 0 || !e.Stopping && !e.exhausted || e.asksYet() || e.listensUntil() > e.Now || e.tellSilences(true) {
		return false
	}
	return e.Stopping || !e.sendCanaries() && !e.askPressed()
}

// wakeUp is the time until which there is nothing to do unless something
// arrives.
func (e *engine) wakeUp() time.Duration {
	wake := e.resolving.WakeUp(e.Now)
	if at, ok := e.limitsOpen(); ok {
		e.Unhurried = true
		return min(wake, at)
	}
	e.Unhurried = false
	wake = e.limitsWake(wake)
	if at, ok := e.flights.nextDeadline(); ok {
		wake = min(wake, at)
	}
	if at, ok := e.ready.wakeUp(); ok && at > e.Now {
		wake = min(wake, at)
	}
	if at := e.listensUntil(); at > e.Now {
		wake = min(wake, at)
	}
	if at, ok := e.Responses.Due(); ok && at > e.Now {
		wake = min(wake, at)
	}
	if e.Hungry {
		wake = min(wake, max(e.Pace.WakeUp(), e.Paused))
	}
	return wake
}

// abandon hands out the probes that a failure leaves without an end.
func (e *engine) abandon() {
	e.Now = time.Since(e.Start)
	e.recordUnsent()
	for _, id := range e.flights.all() {
		e.finish(id)
	}
	e.tellAllPressed()
}

func (e *engine) outcome() error {
	switch {
	case e.Failure != nil:
		return e.Failure
	case e.Outage.Lasting():
		return e.Outage.Error()
	case e.Stopping && !e.complete():
		return probe.ErrInterrupted
	case e.allSilent():
		return fmt.Errorf("%w: %d ports are unknown", probe.ErrWentSilent, e.Counters.WentSilent)
	case e.Counters.Sent == 0 && e.Counters.Unroutable != nil:
		return e.Counters.Unroutable
	}
	return nil
}

// complete tells whether every target has a verdict of its own.
func (e *engine) complete() bool {
	return e.exhausted && e.Counters.Unfinished == 0 && e.Failure == nil && !e.Outage.Lasting() && !e.allSilent()
}
