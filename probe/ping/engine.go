package ping

import (
	"cmp"
	"context"
	"math"
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// pinger runs one ping. All its state but the table belongs to the goroutine
// of run.
type pinger struct {
	wire.Loop
	cfg  *Config
	sink func(Sample) error

	air     deadlines       // transmissions that may be answered, until they end
	refused deadlines       // those that the kernel refused, until they are sent anew
	late    late            // answered, but the device's stamp of their departure is not there yet
	samples map[int]*Sample // by transmission: what it will be unless something better comes
	devices map[int]*device // by transmission
	kept    wire.Fifo       // in the order of sending, until no late answer is to be expected
	targets []*pinged
	trips   map[netip.Addr]*wire.Trips // by target, whatever the port
	slot    uint64                     // the next probe of all: number slot/len(targets) of target slot%len(targets)
	salt    uint64                     // makes the numbers of each transmission its own
	batch   []*wire.Transmission
	begun   bool                // warmed up
	warmUps uint64              // transmissions until then
	warm    map[netip.Addr]bool // next hops that a packet has left towards
	origin  time.Duration       // of the schedule, since the start of the run
	anew    bool                // the last that was sent had been refused before
	lag     catchUp             // of the probes that are late
	absence absence
	watches bool // the network shows what leaves
	lingers lingers
	unheard deadlines                   // transmissions of targets that have answered nothing, until the same is sent once more
	stoodIn map[*wire.Transmission]bool // probes' first SYNs, of which nothing was told: their retransmissions stand for them
	routes  wire.RouteChanges
}

// pinged is what a ping knows of one target.
type pinged struct {
	dst    netip.AddrPort
	route  netraw.Route
	err    error         // why there is no route
	asked  time.Duration // when the route was looked up
	known  bool          // it has been
	round  int           // turns the source ports
	small  bool          // a router asked for packets without options
	heard  bool          // it has answered, too late perhaps
	silent bool          // a probe was not answered before anything was

	persistence wire.Persistence
	same        *wire.Transmission // the latest that was the SYN before once more; nil: none
	vain        int                // SYNs in a row that were not answered
	lost        [2]lostSYN         // the first of those

	left     time.Duration // when the last packet for it left, 0: none did
	used     bool          // a packet for it was handed to the kernel
	away     bool          // and the last of them found no network
	walled   bool          // a firewall of this machine refused a probe for good
	held     time.Duration // no packet leaves before, after the kernel refused one
	heldBack error         // why
}

const (
	// routeAge is how long a route is believed: an interface may come back with
	// another address.
	routeAge = 30 * time.Second
	// silentAge is how long it is where a probe was not answered.
	silentAge = 100 * time.Millisecond
)

func newPinger(n probe.Network, cfg *Config, sink func(Sample) error) (*pinger, error) {
	x, err := wire.NewLoop(n, cfg.look())
	if err != nil {
		return nil, err
	}
	x.Pace = wire.NewPace(cfg.Rate)
	p := &pinger{Loop: x, cfg: cfg, sink: sink, warm: map[netip.Addr]bool{}, trips: map[netip.Addr]*wire.Trips{},
		routes: wire.NewRouteChanges(n), lag: cfg.catchUp(), samples: map[int]*Sample{}, devices: map[int]*device{}, stoodIn: map[*wire.Transmission]bool{}}
	p.Departed, p.Accept, p.Probing = p.noteDeparture, p.acceptAnswer, p.probing
	p.Again = func(s *wire.Transmission, took, after time.Duration) { p.tripsTo(s.Dst.Addr()).Again(took, after) }
	for _, t := range cfg.Targets {
		p.targets = append(p.targets, &pinged{dst: t})
	}
	return p, nil
}

// run sends and takes in until every probe has ended.
func (p *pinger) run(ctx context.Context) error {
	stop := p.takeOrders()
	defer stop()
	p.Run(ctx, p.sendWarmUps, func(r *wire.Receiver) (more bool) {
		p.expire(r)
		if p.routes.Due(p.Now, time.Duration(len(p.targets))*wire.RouteCost) {
			p.forgetRoutes()
		}
		p.fill(r)
		return !p.finished()
	}, p.wakeUp)
	return cmp.Or(p.Failure, p.interrupted())
}

// forgetRoutes has the route of every target looked up before its next probe: the
// kernel may reach it another way by now, from another address.
func (p *pinger) forgetRoutes() {
	for _, t := range p.targets {
		t.known = false
	}
}

// takeOrders lets the targets that a name has now be taken up between two turns.
func (p *pinger) takeOrders() (stop func()) {
	if p.cfg.Retarget == nil {
		return func() {}
	}
	orders, done := make(chan func()), make(chan struct{})
	p.Orders = orders
	go func() {
		for {
			select {
			case change := <-p.cfg.Retarget:
				select {
				case orders <- func() { p.retarget(change) }:
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

// interrupted is what an end means that no failure brought about: before the
// last probe the run was cut short, and without any that left it was in vain.
func (p *pinger) interrupted() error {
	switch {
	case p.absence.last(p.cfg.Count > 0, p.Now):
		return p.absence.outage.Error()
	case p.Stopping && !p.exhausted():
		return probe.ErrInterrupted
	case p.Counters.Sent == 0:
		return p.Counters.Unroutable
	}
	return nil
}

// exhausted tells whether every probe has been sent.
func (p *pinger) exhausted() bool {
	return p.cfg.Count > 0 && p.slot >= p.cfg.Count*uint64(len(p.targets))
}

func (p *pinger) finished() bool {
	if !p.Stopping && (!p.exhausted() || len(p.refused.list) > 0) {
		return false
	}
	return !p.flying() && p.late.waiting() == nil && p.Responses.Waiting() == 0 && (p.Stopping || !p.lingers.at(p.Now))
}

// lingers is until when late answers of targets are waited for that have answered
// nothing, once all probes have ended.
type lingers struct {
	until   time.Duration
	targets []*pinged
}

// unresolvedBy is until when the last router before a target says that nobody there has the address, by the
// first transmission without an answer; 0 where that is not waited for.
func (p *pinger) unresolvedBy(t *pinged, s *wire.Transmission) time.Duration {
	if t.heard || t.silent || !t.route.NextHop.IsValid() || p.cfg.Timeout < probe.DefaultTimeout {
		return 0
	}
	return s.Tx.Sent + wire.UnresolvedAfter
}

// silent takes note of a target that left a probe without an answer.
func (l *lingers) silent(t *pinged, until time.Duration) {
	l.until = max(l.until, until)
	if !t.heard && !t.silent {
		t.silent = true
		l.targets = append(l.targets, t)
	}
}

// at tells whether there is something to wait for.
func (l *lingers) at(now time.Duration) bool {
	for len(l.targets) > 0 && l.targets[len(l.targets)-1].heard {
		l.targets = l.targets[:len(l.targets)-1]
	}
	return now < l.until && len(l.targets) > 0
}

// flying tells whether a transmission has not ended.
func (p *pinger) flying() bool {
	for len(p.air.list) > 0 && p.air.list[0].s.Ended {
		p.air.take(p.air.list[0].at)
	}
	return len(p.air.list) > 0
}

// wakeUp is the time until which nothing is due.
func (p *pinger) wakeUp() time.Duration {
	wake := p.Now + wire.Idle
	if p.flying() {
		wake = min(wake, p.air.list[0].at)
	}
	if d := p.late.waiting(); d != nil {
		wake = min(wake, d.until)
	}
	if at, ok := p.unheard.next(); ok && !p.Stopping {
		wake = min(wake, at)
	}
	if at, ok := p.Responses.Due(); ok {
		wake = min(wake, max(p.paceWakes(), at))
	}
	if at, ok := p.nextProbe(); ok {
		wake = min(wake, at)
	}
	if p.lingers.at(p.Now) {
		wake = min(wake, p.lingers.until)
	}
	return wake
}

// nextProbe is when the next probe may leave; false where none will.
func (p *pinger) nextProbe() (at time.Duration, ok bool) {
	switch {
	case p.Stopping:
		return 0, false
	case !p.begun:
		return p.Now + warmLook, true
	case !p.exhausted():
		at, ok = p.dueAt(p.slot), true
	}
	if again, refused := p.refused.next(); refused && (!ok || again < at) {
		at, ok = again, true
	}
	return max(at, p.lag.ready, p.paceWakes()), ok
}

// paceWakes is when the rate lets the next packet pass; 0 where nothing bounds it.
func (p *pinger) paceWakes() time.Duration {
	if math.IsInf(p.cfg.Rate, 1) {
		return 0
	}
	return p.Pace.WakeUp()
}

// retarget moves a series to another address.
func (p *pinger) retarget(change Retarget) {
	if change.Index < 0 || change.Index >= len(p.targets) {
		return
	}
	t, dst := p.targets[change.Index], wire.Unmapped(change.Target)
	if t.dst != dst {
		p.absence.forget(t)
		*t = pinged{dst: dst}
	}
}

// deliver hands a sample out and counts it.
func (p *pinger) deliver(s *Sample) {
	p.Counters.Probes++
	p.Counters.States[s.State]++
	if err := p.sink(*s); err != nil {
		p.Fail(err)
	}
}

// summary is what the run did.
func (p *pinger) summary() probe.Summary {
	s := p.Counted()
	s.Rate = wire.PerSecond(s.Sent-p.warmUps, p.Counters.LastSend-p.origin)
	s.Complete = p.exhausted() && p.Failure == nil && !p.absence.last(p.cfg.Count > 0, p.Now)
	return s
}
