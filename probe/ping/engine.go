package ping

import (
	"context"
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

	late    late            // answered, but the device's stamp of their departure is not there yet
	pending map[int]*Sample // by transmission: what it will be unless something better comes
	devices map[int]*device // by transmission
	kept    wire.Fifo       // as flying, until no late answer is to be expected
	targets []*pinged
	slot    uint64 // the next probe of all: number slot/len(targets) of target slot%len(targets)
	salt    uint64 // makes the numbers of each transmission its own
	batch   []*wire.Transmission
	begun   bool                // warmed up
	warm    map[netip.Addr]bool // next hops that a packet has left towards
	origin  time.Duration       // of the schedule, since the start of the run
}

// pinged is what a ping knows of one target.
type pinged struct {
	dst   netip.AddrPort
	route netraw.Route
	err   error         // why there is no route
	asked time.Duration // when the route was looked up
	known bool          // it has been
	round int           // turns the source ports
	rto   wire.RTO
}

// routeAge is how long a route is believed: an interface may come back with
// another address.
const routeAge = 30 * time.Second

func newPinger(n probe.Network, cfg *Config, sink func(Sample) error) (*pinger, error) {
	x, err := wire.NewLoop(n, cfg.look())
	if err != nil {
		return nil, err
	}
	p := &pinger{Loop: x, cfg: cfg, sink: sink, warm: map[netip.Addr]bool{},
		pending: map[int]*Sample{}, devices: map[int]*device{}}
	p.Departed, p.Accept = p.noteDeparture, p.acceptAnswer
	for _, t := range cfg.Targets {
		p.targets = append(p.targets, &pinged{dst: t})
	}
	return p, nil
}

// run turns the wheel: take in what arrived, see what is overdue, send what is
// due, wait for whichever comes next.
func (p *pinger) run(ctx context.Context) error {
	r := wire.NewReceiver(p.Network, p.Matcher)
	go r.Run()
	defer r.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()

	p.Tick(ctx)
	p.sendErrands()
	for {
		p.Tick(ctx)
		p.expire()
		p.fill()
		if p.Failure != nil || p.finished() {
			break
		}
		p.await(ctx, r, alarm)
	}
	return wire.ErrorOr(p.Failure, p.interrupted())
}

// interrupted is what an end means that no failure brought about: before the
// last probe the run was cut short, and without any that left it was in vain.
func (p *pinger) interrupted() error {
	switch {
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
	return (p.Stopping || p.exhausted()) && p.Flying.Waiting() == nil && p.late.waiting() == nil
}

// await waits for packets, for the next deadline or for the next probe's time.
func (p *pinger) await(ctx context.Context, r *wire.Receiver, alarm *time.Timer) {
	if wait := p.wakeUp() - p.Now; wait > 0 {
		done := ctx.Done()
		if p.Stopping {
			done = nil
		}
		alarm.Reset(wait)
		select {
		case batch, ok := <-r.Full:
			p.Take(r, batch, ok)
		case change := <-p.cfg.Retarget:
			p.retarget(change)
		case <-alarm.C:
		case <-done:
		}
	}
	p.Poll(r)
}

// wakeUp is the time until which nothing is due.
func (p *pinger) wakeUp() time.Duration {
	wake := p.Now + wire.Idle
	if s := p.Flying.Waiting(); s != nil {
		wake = min(wake, s.Tx.Sent+p.cfg.Timeout)
	}
	if d := p.late.waiting(); d != nil {
		wake = min(wake, d.until)
	}
	switch {
	case p.Stopping || p.exhausted():
	case !p.begun:
		wake = min(wake, p.Now+warmLook)
	default:
		wake = min(wake, p.dueAt(p.slot))
	}
	return wake
}

// retarget moves a series to another address.
func (p *pinger) retarget(change Retarget) {
	if change.Index < 0 || change.Index >= len(p.targets) {
		return
	}
	t := p.targets[change.Index]
	if t.dst != change.Target {
		*t = pinged{dst: change.Target}
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
	s.Rate = wire.PerSecond(s.Sent, p.Counters.LastSend-p.origin)
	s.Complete = p.exhausted() && p.Failure == nil
	return s
}
