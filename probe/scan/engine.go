package scan

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// engine runs one scan. All its state belongs to the goroutine of run.
type engine struct {
	cfg     *Config
	network probe.Polled
	inbox   *wire.Inbox
	sink    probe.Sink

	matcher   wire.Matcher
	packets   *wire.Packets
	hosts     *hosts
	flights   *flights
	ready     ready      // hosts with probes that wait for their turn
	losses    losses     // of the whole run
	ramp      *wire.Ramp // nil where the caller named a rate
	crowds    wire.Crowds
	pace      wire.Pace
	responses wire.Responder // to answers: RSTs that close, and questions
	batch     []uint32       // the flights whose packets are in the current batch
	canaries  canaries
	rooms     []*probe.Verdict // of probes that are done, to be used again

	next      func() (netip.AddrPort, bool)
	exhausted bool // no more targets to come
	stopping  bool // the context was cancelled
	unwatched bool // own packets are not seen leaving any more
	hungry    bool // more would have been sent if the pace had allowed it

	start      time.Time
	now        time.Duration // since start, read once a turn
	counters   wire.Counters
	resolving  map[netip.Addr]*host // whose link address is being asked for
	found      []netraw.Neighbour
	firewalled uint64        // packets that a firewall of this machine refused since the last look
	paused     time.Duration // until then the network is given time to come back
	slowest    time.Duration // round trip of any host
	answering  int           // hosts that have answered
	silenced   int           // of those, hosts that were given up: see watch.go
	failure    error         // ends the run
	outage     wire.Outage
}

func newEngine(n probe.Polled, cfg *Config, sink probe.Sink) (*engine, error) {
	ramping := cfg.Rate == 0
	cfg.SetDefaults()
	p, err := wire.NewPackets(cfg.Look())
	if err != nil {
		return nil, err
	}
	e := &engine{
		cfg: cfg, network: n, sink: sink,
		matcher: wire.Matcher{
			Cookie: wire.NewCookie(cfg.Key), Tech: cfg.Technique,
			Ports: n.Ports(), Attempts: cfg.witnessAttempts(),
		},
		packets:  p,
		flights:  newFlights(cfg.attempts()),
		pace:     wire.NewPace(cfg.Rate),
		counters: wire.NewCounters(n.Stats()),
	}
	e.hosts, e.resolving = newHosts(n, e.met), map[netip.Addr]*host{}
	if ramping {
		e.ramp = wire.NewRamp()
		e.pace.Ask(e.ramp.Rate)
	}
	return e, nil
}

// run turns the wheel: take in what arrived, see what is overdue, send what
// may be sent, wait for whichever comes next.
func (e *engine) run(ctx context.Context) error {
	next, stop := iter.Pull(e.cfg.Targets)
	defer stop()
	e.next, e.start = next, time.Now()

	e.inbox = wire.NewInbox(e.network, e.matcher, e.handle)
	defer e.inbox.WakeBy(ctx, e.neighboursReady())()
	for {
		e.tick(ctx)
		e.expire()
		e.fill()
		if e.failure != nil || e.finished() {
			break
		}
		e.await()
	}
	e.abandon()
	e.report()
	return e.outcome()
}

// tick reads the clock and does what is due from time to time.
func (e *engine) tick(ctx context.Context) {
	e.now = time.Since(e.start)
	e.stopping = e.stopping || ctx.Err() != nil
	e.rampUp()
	e.pollNeighbours()
	if e.now >= e.counters.NextLook {
		e.look()
	}
}

// finished tells whether nothing is left to do. Canaries are sent when every
// target has its verdict.
func (e *engine) finished() bool {
	if e.flights.live > 0 {
		return false
	}
	return e.stopping || e.exhausted && !e.sendCanaries()
}

// await waits for packets, the next deadline or the next permission to send, and
// takes in what has arrived.
func (e *engine) await() {
	if wait := e.wakeUp() - e.now; wait > 0 {
		e.inbox.Wait(wait, e.pace.Gathers())
	}
	e.check(e.inbox.Take(e.readClock))
}

// wakeUp is the time until which there is nothing to do unless something
// arrives.
func (e *engine) wakeUp() time.Duration {
	wake := e.counters.NextLook
	if at, ok := e.flights.nextDeadline(); ok {
		wake = min(wake, at)
	}
	if at, ok := e.ready.wakeUp(); ok && at > e.now {
		wake = min(wake, at)
	}
	if at, ok := e.neighbourWakeUp(); ok {
		wake = min(wake, at)
	}
	if e.hungry {
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

// abandon hands out the probes that a failure leaves without an end.
func (e *engine) abandon() {
	e.now = time.Since(e.start)
	for _, id := range e.flights.index {
		e.finish(id)
	}
}

func (e *engine) outcome() error {
	switch {
	case e.failure != nil:
		return e.failure
	case e.outage.Lasting():
		return e.outage.Error()
	case e.stopping && !e.complete():
		return probe.ErrInterrupted
	case e.allSilent():
		return fmt.Errorf("%w: %d ports are unknown", probe.ErrWentSilent, e.counters.WentSilent)
	case e.counters.Sent == 0 && e.counters.Unroutable != nil:
		return e.counters.Unroutable
	}
	return nil
}

// complete tells whether every target has a verdict of its own.
func (e *engine) complete() bool {
	return e.exhausted && e.counters.Unfinished == 0 && e.failure == nil && !e.outage.Lasting() && !e.allSilent()
}
