package sample

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// engine runs the plans of all targets. Its state belongs to the goroutine of
// run, but for the table, which the receiver reads.
type engine struct {
	wire.Loop
	cfg   *Config
	sink  Sink
	seeds *rand.ChaCha8

	targets []netip.AddrPort           // that have not begun
	order   []*series                  // under way, in the order of their beginning
	active  map[netip.AddrPort]*series // the same, by target as packets name it
	kept    wire.Fifo                  // transmissions whose answers are still told apart
	ports   []uint16                   // in the order in which plans number them
	outage  wire.Outage
	routes  wire.RouteChanges
	clock   timeline
	done    uint64 // steps that had their turn
	cut     bool   // a plan was not carried out because the run was stopped
}

func newEngine(n probe.Network, cfg *Config, sink Sink) (*engine, error) {
	x, err := wire.NewLoop(n, wire.Look{Profile: cfg.Profile, TTL: cfg.TTL, TOS: cfg.TOS}.Complete())
	e := &engine{
		Loop: x, cfg: cfg, sink: sink, seeds: rand.NewChaCha8(cfg.Seed),
		routes: wire.NewRouteChanges(n), targets: cfg.Targets, active: map[netip.AddrPort]*series{}, ports: n.Ports(),
	}
	e.Again = func(t *wire.Transmission, took, after time.Duration) {
		if s := e.active[t.Dst]; s != nil {
			s.trips.Again(took, after)
		}
	}
	e.Departed, e.Accept, e.Probing, e.Pace = e.seenLeaving, e.accept, e.probing, wire.NewPace(cfg.Rate)
	e.Strayed = e.strayed
	return e, err
}

// run lets the plans of the targets go on until none is under way or waits.
func (e *engine) run(ctx context.Context) error {
	e.Run(ctx, func() { e.clock = timeline{e.Wall.Add(-e.Now)} }, func(r *wire.Receiver) (more bool) {
		if e.overdue() {
			e.CatchUp(r)
			e.Tick(ctx)
		}
		e.turn()
		e.Respond()
		return len(e.order) > 0 || !e.Stopping && len(e.targets) > 0 || e.Responses.Waiting() > 0
	}, e.wakeUp)
	e.abandon()
	return e.ending()
}

// overdue tells whether the time of an answer is over, unless it waits to be
// read.
func (e *engine) overdue() bool {
	return slices.ContainsFunc(e.order, func(s *series) bool { return s.probe != nil && e.Now >= s.probe.deadline })
}

// turn takes up targets and lets each that is under way go on.
func (e *engine) turn() {
	if e.routes.Due(e.Now, time.Duration(len(e.order))*wire.RouteCost) {
		for _, s := range e.order {
			s.follow()
		}
	}
	for len(e.order) < e.cfg.Parallel && !e.Stopping && e.Failure == nil && e.beginNext() {
	}
	for _, s := range e.order {
		if e.Failure == nil {
			s.goOn()
		}
	}
	e.clear()
}

// beginNext takes up the next target, and tells whether there was one. The same
// address in two zones is one to packets: the second waits for the first.
func (e *engine) beginNext() bool {
	i := slices.IndexFunc(e.targets, func(t netip.AddrPort) bool { return e.active[onWire(t)] == nil })
	if i < 0 {
		return false
	}
	target := e.targets[i]
	if i == 0 {
		e.targets = e.targets[1:]
	} else {
		e.targets = slices.Delete(slices.Clone(e.targets), i, i+1)
	}
	e.begin(target)
	return true
}

// begin takes up a target.
func (e *engine) begin(target netip.AddrPort) {
	s := newSeries(e, target)
	e.order = append(e.order, s)
	e.active[onWire(target)] = s
	s.route()
}

// clear reports the targets that are done.
func (e *engine) clear() {
	left := e.order[:0]
	for _, s := range e.order {
		if !s.over {
			left = append(left, s)
			continue
		}
		delete(e.active, onWire(s.res.Target))
		e.report(s)
	}
	clear(e.order[len(left):])
	e.order = left
	e.forget()
}

// forget drops the transmissions of targets that are done, the oldest first.
func (e *engine) forget() {
	for len(e.kept.List) > 0 && e.active[e.kept.List[0].Dst] == nil {
		e.Table.Forget(e.kept.List[0])
		e.kept.Pop()
	}
}

// report hands out what a target came to.
func (e *engine) report(s *series) {
	e.progress(len(e.cfg.Plan.Steps) - s.res.Carried)
	s.note(s.persistence.Findings())
	s.res.unclosed = e.Counted().ResetsRefused > 0
	s.res.judge(e.cfg.Plan.Quick)
	e.Counters.Probes++
	e.Counters.States[s.res.State]++
	if err := e.sink.Result(s.res); err != nil {
		e.Fail(err)
	}
}

// wakeUp is the time until which nothing is due.
func (e *engine) wakeUp() time.Duration {
	wake := e.Now + wire.Idle
	for _, s := range e.order {
		wake = min(wake, s.wakeUp())
	}
	if at, ok := e.Responses.Due(); ok {
		wake = min(wake, max(e.Pace.WakeUp(), at, e.Now+wire.Spacing))
	}
	return wake
}

// probing tells whether a SYN waits for the pace.
func (e *engine) probing() bool {
	return slices.ContainsFunc(e.order, func(s *series) bool { return s.probe != nil && s.probe.waiting() && s.probe.due <= e.Now })
}

// abandon closes what a failure leaves half open, and reports the targets under
// way.
func (e *engine) abandon() {
	for _, s := range e.order {
		s.interrupt()
	}
	e.RespondAll()
	e.clear()
}

// ending is why the run ended early, nil if it did not.
func (e *engine) ending() error {
	switch {
	case e.Failure != nil:
		return e.Failure
	case e.outage.Lasting():
		return e.outage.Error()
	case e.cut || len(e.targets) > 0:
		return probe.ErrInterrupted
	case e.Counters.Sent == 0:
		return e.Counters.Unroutable
	}
	return nil
}

func (e *engine) total() uint64 { return uint64(len(e.cfg.Targets) * len(e.cfg.Plan.Steps)) }

// progress tells that n more steps had their turn.
func (e *engine) progress(n int) {
	e.done = min(e.done+uint64(max(n, 0)), e.total())
	if e.cfg.OnProgress == nil {
		return
	}
	c := &e.Counters
	e.cfg.OnProgress(probe.Progress{
		Done: e.done, Total: e.total(), Sent: c.Sent, Received: c.Received, InFlight: len(e.order),
		RateAsked: e.Pace.Rate(), RateAchieved: wire.PerSecond(c.Sent, e.Now),
		Elapsed: e.Now, Left: wire.TimeLeft(e.Now, e.done, e.total()),
	})
}

// summary is what the run did.
func (e *engine) summary(complete bool) probe.Summary {
	s := e.Counted()
	s.Rate = wire.PerSecond(s.Sent, s.Took)
	s.Complete = complete
	return s
}

// onWire is a target as packets name it.
func onWire(t netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(t.Addr().Unmap().WithZone(""), t.Port())
}
