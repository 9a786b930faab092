package discover

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// engine runs one discovery. All its state belongs to the goroutine of run.
type engine struct {
	cfg     *Config
	network probe.Polled
	inbox   *wire.Inbox
	yield   func(Host) error

	matcher   wire.Matcher
	packets   *wire.Packets
	responses wire.Responder
	pace      wire.Pace
	ramp      *wire.Ramp // nil where the caller named a rate
	asks      *questions
	crowds    wire.Crowds
	hosts     map[netip.Addr]*host
	byID      []*host // nil once decided
	timers    wire.Timers
	resolving map[netip.Addr]*host
	found     []netraw.Neighbour
	due       []*host // to be sent a round, or the rest of one

	next      func() (netip.Addr, bool)
	exhausted bool
	stopping  bool
	start     time.Time
	now       time.Duration
	paused    time.Duration // until then the network is given time to come back
	slowest   time.Duration // round trip of any host
	counters  wire.Counters
	outage    wire.Outage
	failure   error
	lost      error // why a host could not be reached from here

	unroutable uint64 // hosts that could not
}

func newEngine(n probe.Polled, cfg *Config, yield func(Host) error) (*engine, error) {
	look := cfg.look()
	p, err := wire.NewPackets(look)
	if err != nil {
		return nil, err
	}
	e := &engine{
		cfg: cfg, network: n, yield: yield, packets: p,
		matcher: wire.Matcher{
			Cookie: wire.NewCookie(look.Key), Tech: look.Technique,
			Ports: n.Ports(), Attempts: rounds, Echoes: true,
		},
		asks: newQuestions(cfg.Forbidden), pace: wire.NewPace(cfg.Rate),
		hosts: map[netip.Addr]*host{}, resolving: map[netip.Addr]*host{},
		counters: wire.NewCounters(n.Stats()),
	}
	if cfg.Rate == 0 {
		e.ramp = wire.NewRamp()
		e.pace.Ask(e.ramp.Rate)
	}
	return e, nil
}

// run turns the wheel: take in what arrived, see what is overdue, send what
// may be sent, wait for whichever comes next.
func (e *engine) run(ctx context.Context) error {
	next, stop := iter.Pull(e.cfg.Hosts)
	defer stop()
	e.next, e.start = next, time.Now()
	e.inbox = wire.NewInbox(e.network, e.matcher, e.handle)
	defer e.inbox.WakeBy(ctx, e.neighboursReady())()
	for {
		e.tick(ctx)
		e.expire()
		e.fill()
		if e.failure != nil || e.stopping || e.finished() {
			break
		}
		e.await()
	}
	return e.outcome()
}

func (e *engine) tick(ctx context.Context) {
	e.now = time.Since(e.start)
	e.stopping = e.stopping || ctx.Err() != nil
	if e.ramp != nil && e.ramp.Turn(e.now, e.counters.Sent) {
		e.pace.Ask(e.ramp.Rate)
	}
	e.pollNeighbours()
	if e.now >= e.counters.NextLook {
		e.look()
	}
}

func (e *engine) finished() bool {
	return e.exhausted && len(e.hosts) == 0 && e.responses.Waiting() == 0
}

// await waits for packets, neighbours, the next deadline or the next permission
// to send, and takes in what has arrived.
func (e *engine) await() {
	if wait := e.wakeUp() - e.now; wait > 0 {
		e.inbox.Wait(wait, e.pace.Gathers())
	}
	e.check(e.inbox.Take(e.readClock))
}

func (e *engine) wakeUp() time.Duration {
	wake := e.counters.NextLook
	if len(e.timers) > 0 {
		wake = min(wake, e.timers[0].At)
	}
	if len(e.resolving) > 0 {
		if wait, ok := e.cfg.Neighbours.Next(); ok {
			wake = min(wake, e.now+wait)
		}
	}
	if e.wants() {
		wake = min(wake, max(e.pace.WakeUp(), e.paused))
	}
	return wake
}

func (e *engine) readClock() { e.now = time.Since(e.start) }

// check ends the run after an error.
func (e *engine) check(err error) {
	if err != nil {
		e.fail(err)
	}
}

// fail ends the run after this turn; the first reason counts.
func (e *engine) fail(err error) {
	if e.failure == nil {
		e.failure = err
	}
}

func (e *engine) outcome() error {
	switch {
	case e.failure != nil:
		return e.failure
	case e.stopping && !e.finished():
		return probe.ErrInterrupted
	case e.lost != nil && e.unroutable == e.counters.Probes:
		return e.lost
	}
	return nil
}

// look tells how far the run is.
func (e *engine) look() {
	c := &e.counters
	rate := wire.PerSecond(c.Sent-c.LastSent, e.now-c.LastLook)
	c.LastSent, c.LastLook, c.NextLook = c.Sent, e.now, e.now+wire.LookEvery
	if e.cfg.OnProgress == nil {
		return
	}
	e.cfg.OnProgress(probe.Progress{
		Done: c.Probes, Total: e.cfg.Total, Sent: c.Sent, Received: c.Received,
		InFlight: len(e.hosts), RateAsked: e.pace.Rate(), RateAchieved: rate,
		Elapsed: e.now, Left: wire.TimeLeft(e.now, c.Probes, e.cfg.Total),
	})
}

func (e *engine) summary() probe.Summary {
	s, stats := e.counters.Summary, e.network.Stats()
	s.SendErrors = stats.SendErrors - e.counters.Base.SendErrors
	s.KernelDrops = stats.KernelDrops - e.counters.Base.KernelDrops
	s.Took, s.Rate = e.now, wire.PerSecond(s.Sent, e.counters.LastSend)
	s.Complete = e.failure == nil && e.finished()
	return s
}
