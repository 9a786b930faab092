package ping

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// RunConnect is [Run] by connect(2), with no privilege: the time is the
// kernel's own handshake sample (TCP_INFO), and the far end sees whole
// connections. Where the kernel had to repeat its SYN the sample is marked
// [probe.DoubtRetransmitted] and has no time. Flow, Rate, Profile, TTL, TOS and Key of
// the configuration do not apply.
//
// At most 256 connections are tried at once; a probe that would be one more, or
// finds no file descriptor free, leaves late.
func RunConnect(ctx context.Context, d probe.Dialer, cfg Config, sink func(Sample) error) (probe.Summary, error) {
	if err := cfg.complete(); err != nil {
		return probe.Summary{}, err
	}
	p := &connectPing{
		cfg: &cfg, dialer: d, sink: wire.Told(sink), targets: slices.Clone(cfg.Targets),
		lag: cfg.catchUp(), start: time.Now(), counters: wire.NewCounters(netraw.Stats{}),
	}
	err := p.run(ctx)
	return p.summary(err == nil), err
}

// connectPing hands one slot after the other to a goroutine of its own, and
// takes the samples in.
type connectPing struct {
	cfg      *Config
	dialer   probe.Dialer
	sink     func(Sample) error
	start    time.Time
	targets  []netip.AddrPort
	slot     uint64
	lag      catchUp
	inFlight int
	counters wire.Counters
	dials    wire.Dials
	failure  error
}

func (p *connectPing) run(ctx context.Context) error {
	dialing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var dials sync.WaitGroup
	results := make(chan Sample, wire.MostConnections)
	defer dials.Wait()
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for p.inFlight > 0 || p.sending(ctx) {
		var due <-chan time.Time
		if p.sending(ctx) && p.inFlight < wire.MostConnections {
			alarm.Reset(max(p.cfg.dueAt(p.slot), p.lag.ready) - time.Since(p.start))
			due = alarm.C
		}
		select {
		case s := <-results:
			p.inFlight--
			p.deliver(s)
		case change := <-p.cfg.Retarget:
			if change.Index >= 0 && change.Index < len(p.targets) {
				p.targets[change.Index] = wire.Unmapped(change.Target)
			}
		case <-due:
			p.begin(dialing, &dials, results)
		case <-done(ctx):
		}
		if p.failure != nil {
			stop()
		}
	}
	switch {
	case p.failure == nil && !p.exhausted():
		return probe.ErrInterrupted
	case p.failure == nil && p.counters.Sent == 0:
		return p.counters.Unroutable
	}
	return p.failure
}

// sending tells whether more probes are to come.
func (p *connectPing) sending(ctx context.Context) bool {
	return p.failure == nil && ctx.Err() == nil && !p.exhausted()
}

// done is the end of ctx, for a select, until it has come.
func done(ctx context.Context) <-chan struct{} {
	if ctx.Err() != nil {
		return nil
	}
	return ctx.Done()
}

func (p *connectPing) exhausted() bool {
	return p.cfg.Count > 0 && p.slot >= p.cfg.Count*uint64(len(p.targets))
}

// begin starts the probe of the current slot.
func (p *connectPing) begin(ctx context.Context, dials *sync.WaitGroup, results chan<- Sample) {
	n := uint64(len(p.targets))
	s := Sample{Index: int(p.slot % n), N: p.slot/n + 1, Attempt: 1, Due: p.cfg.dueAt(p.slot)}
	s.Target = p.targets[s.Index]
	p.slot++
	now := time.Since(p.start)
	switch {
	case !s.Target.IsValid():
	case now-s.Due > oversleep:
		s.Reason, s.Doubt = probe.ReasonSendFailed, probe.DoubtSkipped
		p.deliver(s)
	default:
		p.lag.spend(now)
		p.inFlight++
		dials.Go(func() { results <- p.dial(ctx, s) })
	}
}

// dial makes one connection. What connect(2) took for a refused one is by the
// program's clock; a step of the wall clock is in none of these times.
func (p *connectPing) dial(ctx context.Context, s Sample) Sample {
	s.Sent = time.Now()
	h, err := p.dials.Dial(ctx, p.dialer, s.Target, p.cfg.Timeout)
	v := wire.JudgeConnect(s.Target, h, err)
	s.State, s.Reason, s.Err, s.Findings, s.Responder, s.ICMP = v.State, v.Reason, v.Err, v.Findings, v.Responder, v.ICMP
	if s.Err != nil {
		s.Sent = time.Time{}
	}
	s.RTT, s.Clock, s.Repeats = h.RTT, h.Clock, h.Retransmits
	if h.Retransmits > 0 && (v.State == probe.StateOpen || v.State == probe.StateRefused) {
		s.RTT, s.Doubt = 0, probe.DoubtRetransmitted
	}
	if v.State == probe.StateOpen && wire.Repeats(s.RTT, 0) {
		s.RTT, s.Clock, s.Doubt = 0, netraw.ClockNone, probe.DoubtRepeated
	}
	if errors.Is(err, context.DeadlineExceeded) {
		s.State, s.Reason = probe.StateFiltered, probe.ReasonNoResponse
	}
	return s
}

func (p *connectPing) deliver(s Sample) {
	p.counters.Probes++
	p.counters.States[s.State]++
	switch {
	case s.Doubt == probe.DoubtSkipped, wire.SaysNotAHost(s.Reason):
	case s.Reason == probe.ReasonNoRoute:
		p.counters.NoRoute(s.Err)
	case s.Err != nil:
		p.counters.SendErrors++
		p.counters.Refusal = s.Err
	default:
		p.counters.Sent += uint64(1 + s.Repeats)
		p.counters.Retransmitted += uint64(s.Repeats)
	}
	if p.failure == nil {
		p.failure = p.sink(s)
	}
}

func (p *connectPing) summary(complete bool) probe.Summary {
	s := p.counters.Summary
	s.Took = time.Since(p.start)
	s.Rate = wire.PerSecond(s.Sent, s.Took)
	s.Complete = complete
	return s
}
