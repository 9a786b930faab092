package probe

import (
	"context"
	"net/netip"
	"time"

	"synscope/netraw"
)

// pinger runs one ping. All its state but the table belongs to the goroutine
// of run.
type pinger struct {
	exchange
	cfg  *PingConfig
	sink func(Sample) error

	late    late            // answered, but the device's stamp of their departure is not there yet
	pending map[int]*Sample // by transmission: what it will be unless something better comes
	devices map[int]*device // by transmission
	kept    fifo            // as flying, until no late answer is to be expected
	targets []*pinged
	slot    uint64 // the next probe of all: number slot/len(targets) of target slot%len(targets)
	salt    uint64 // makes the numbers of each transmission its own
	batch   []*shot
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
	rto   rtoEstimator
}

// routeAge is how long a route is believed: an interface may come back with
// another address.
const routeAge = 30 * time.Second

func newPinger(n Network, cfg *PingConfig, sink func(Sample) error) (*pinger, error) {
	x, err := newExchange(n, cfg.look())
	if err != nil {
		return nil, err
	}
	p := &pinger{exchange: x, cfg: cfg, sink: sink, warm: map[netip.Addr]bool{},
		pending: map[int]*Sample{}, devices: map[int]*device{}}
	p.departed, p.accept = p.noteDeparture, p.acceptAnswer
	for _, t := range cfg.Targets {
		p.targets = append(p.targets, &pinged{dst: t})
	}
	return p, nil
}

// run turns the wheel: take in what arrived, see what is overdue, send what is
// due, wait for whichever comes next.
func (p *pinger) run(ctx context.Context) error {
	r := newReceiver(p.network, p.matcher)
	go r.run()
	defer r.stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()

	p.tick(ctx)
	p.sendErrands()
	for {
		p.tick(ctx)
		p.expire()
		p.fill()
		if p.failure != nil || p.finished() {
			break
		}
		p.await(ctx, r, alarm)
	}
	return errorOr(p.failure, p.interrupted())
}

// interrupted is what an end means that no failure brought about: before the
// last probe the run was cut short, and without any that left it was in vain.
func (p *pinger) interrupted() error {
	switch {
	case p.stopping && !p.exhausted():
		return ErrInterrupted
	case p.counters.Sent == 0:
		return p.counters.unroutable
	}
	return nil
}

// exhausted tells whether every probe has been sent.
func (p *pinger) exhausted() bool {
	return p.cfg.Count > 0 && p.slot >= p.cfg.Count*uint64(len(p.targets))
}

func (p *pinger) finished() bool {
	return (p.stopping || p.exhausted()) && p.flying.waiting() == nil && p.late.waiting() == nil
}

// await waits for packets, for the next deadline or for the next probe's time.
func (p *pinger) await(ctx context.Context, r *receiver, alarm *time.Timer) {
	if wait := p.wakeUp() - p.now; wait > 0 {
		done := ctx.Done()
		if p.stopping {
			done = nil
		}
		alarm.Reset(wait)
		select {
		case batch, ok := <-r.full:
			p.take(r, batch, ok)
		case change := <-p.cfg.Retarget:
			p.retarget(change)
		case <-alarm.C:
		case <-done:
		}
	}
	p.poll(r)
}

// wakeUp is the time until which nothing is due.
func (p *pinger) wakeUp() time.Duration {
	wake := p.now + idle
	if s := p.flying.waiting(); s != nil {
		wake = min(wake, s.tx.sent+p.cfg.Timeout)
	}
	if d := p.late.waiting(); d != nil {
		wake = min(wake, d.until)
	}
	switch {
	case p.stopping || p.exhausted():
	case !p.begun:
		wake = min(wake, p.now+warmLook)
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
	p.counters.Probes++
	p.counters.States[s.State]++
	if err := p.sink(*s); err != nil {
		p.fail(err)
	}
}

// summary is what the run did.
func (p *pinger) summary() Summary {
	s := p.counted()
	s.Rate = perSecond(s.Sent, p.counters.lastSend-p.origin)
	s.Complete = p.exhausted() && p.failure == nil
	return s
}
