// Package connect probes ports through the kernel's own TCP: connect(2), which
// needs no privilege.
package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/scan"
)

// Run probes every target by connect(2): no privilege is needed, the
// far end sees whole connections, and the kernel retransmits as it likes within
// Timeout × (Retries + 1). Technique, Profile, TTL, TOS, Key and Canaries of
// the configuration do not apply. It returns as [scan.Run] does.
func Run(ctx context.Context, d probe.Dialer, cfg scan.Config, sink probe.Sink) (probe.Summary, error) {
	if cfg.Targets == nil {
		return probe.Summary{}, errors.New("scan: no targets")
	}
	if sink == nil {
		return probe.Summary{}, errors.New("scan: no sink")
	}
	cfg.Targets = wire.EachUnmapped(cfg.Targets)
	wire.Defaults(&cfg.Rate, &cfg.Retries, &cfg.Timeout)
	c := &run{
		cfg: &cfg, dialer: d, sink: sink, start: time.Now(),
		counters: wire.NewCounters(netraw.Stats{}), hosts: hosts{}, watches: newWatches(),
	}
	err := c.run(ctx)
	c.watches.tell(c.hosts)
	err = cmp.Or(err, c.hosts.report(sink))
	return c.summary(err == nil), err
}

type run struct {
	cfg      *scan.Config
	dialer   probe.Dialer
	sink     probe.Sink
	start    time.Time
	counters wire.Counters
	hosts    hosts
	watches  watches
	dials    wire.Dials
	away     away
}

// run lets the workers dial while this goroutine alone counts and reports.
func (c *run) run(ctx context.Context) error {
	dialing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	targets, results := make(chan netip.AddrPort), make(chan dialled)
	go c.feed(ctx, dialing, targets)
	go func() {
		c.work(dialing, targets, results)
		close(results)
	}()
	look := time.NewTicker(wire.LookEvery)
	defer look.Stop()
	var failure error
	for results != nil || c.watches.busy() {
		err := c.turn(dialing, ctx, &results, look.C, failure != nil)
		if failure == nil && err != nil {
			failure = err
			stop()
		}
	}
	return cmp.Or(failure, c.interruption(ctx))
}

// turn takes in one event; after a failure it only waits for what goes on.
func (c *run) turn(dialing, ctx context.Context, results *chan dialled, look <-chan time.Time, failed bool) error {
	if failed {
		ctx = dialing // which has ended: nothing is asked any more
	}
	select {
	case v, more := <-*results:
		switch {
		case !more:
			*results = nil
		case !failed:
			return c.take(ctx, v)
		}
	case v := <-c.watches.again:
		if c.watches.redial--; !failed {
			return c.take(ctx, v)
		}
	case s := <-c.watches.signs:
		if failed {
			c.watches.asking--
			return nil
		}
		return c.heed(ctx, s)
	case <-look:
		c.progress()
	}
	return nil
}

// feed paces the targets out until they end or one of the contexts does.
func (c *run) feed(ctx, dialing context.Context, targets chan<- netip.AddrPort) {
	defer close(targets)
	pace := wire.NewPace(c.cfg.Rate)
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	budget := 0
	for target := range c.cfg.Targets {
		for budget == 0 {
			if budget = pace.Allowance(time.Since(c.start), wire.BatchSize); budget > 0 {
				break
			}
			alarm.Reset(max(pace.WakeUp()-time.Since(c.start), 0))
			select {
			case <-alarm.C:
			case <-ctx.Done():
				return
			}
		}
		budget--
		pace.Spend(1)
		select {
		case targets <- target:
			pace.Departed(1, time.Since(c.start))
		case <-ctx.Done():
			return
		case <-dialing.Done():
			return
		}
	}
}

// work dials with as many goroutines as allowed and returns when all is done.
func (c *run) work(ctx context.Context, targets <-chan netip.AddrPort, results chan<- dialled) {
	var workers sync.WaitGroup
	for range wire.MostConnections {
		workers.Go(func() {
			for target := range targets {
				results <- c.dial(ctx, target)
			}
		})
	}
	workers.Wait()
}

// dialled is the verdict on a target, and when its connect was begun.
type dialled struct {
	probe.Verdict
	began time.Time
}

// ended is when it was known what came of the connect.
func (d dialled) ended() time.Time { return d.Time }

func (c *run) dial(ctx context.Context, target netip.AddrPort) dialled {
	began := time.Now()
	if _, gone := c.watches.gone.Load(target.Addr()); gone {
		return dialled{wentSilent(probe.Verdict{Target: target, Time: began}), began}
	}
	h, err := c.dialRouted(ctx, target)
	v := wire.JudgeConnect(target, h, err)
	if v.Err == nil {
		v.Attempts = 1 + h.Retransmits
	}
	v.RTT, v.Clock, v.Time = h.RTT, h.Clock, time.Now()
	if v.State == probe.StateOpen && wire.Repeats(v.RTT, 0) { // its SYN-ACK may be the second
		v.RTT, v.Clock = 0, netraw.ClockNone
	}
	return dialled{v, began}
}

func (c *run) deliver(v dialled) error {
	c.counters.Probes++
	c.counters.States[v.State]++
	switch {
	case wire.SaysNotAHost(v.Reason):
		c.counters.NotAHost(v.Target.Addr())
	case v.Reason == probe.ReasonNoRoute:
		c.counters.NoRoute(v.Err)
	case v.Reason == probe.ReasonWentSilent:
		c.watches.silent++
		c.counters.WentSilent++
		c.sent(v.Attempts)
	case v.Err != nil:
		c.counters.SendErrors++
		c.counters.Refusal = v.Err
	default:
		c.sent(v.Attempts)
	}
	if v.State == probe.StateOpen || v.State == probe.StateRefused || v.ICMP != nil {
		c.counters.Received++
		c.counters.Matched++
	}
	c.hosts.note(&v.Verdict, v.began)
	return c.sink.Port(v.Verdict)
}

// sent counts the SYNs of one connect.
func (c *run) sent(syns int) {
	c.counters.Sent += uint64(syns)
	c.counters.Retransmitted += uint64(max(syns-1, 0))
}

func (c *run) progress() {
	if c.cfg.OnProgress == nil {
		return
	}
	elapsed := time.Since(c.start)
	done, total := c.counters.Probes, c.cfg.Total
	c.cfg.OnProgress(probe.Progress{
		Done: done, Total: total, Sent: c.counters.Sent,
		RateAsked: c.cfg.Rate, RateAchieved: wire.PerSecond(done, elapsed),
		Elapsed: elapsed, Left: wire.TimeLeft(elapsed, done, total),
	})
}

func (c *run) summary(complete bool) probe.Summary {
	s := c.counters.Summary
	s.Took = time.Since(c.start)
	s.Rate = wire.PerSecond(s.Sent, s.Took)
	s.Complete = complete && !c.watches.allSilent()
	return s
}

// interruption is what an end means that no failure brought about.
func (c *run) interruption(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return probe.ErrInterrupted
	case c.watches.allSilent():
		return fmt.Errorf("%w: %d ports are unknown", probe.ErrWentSilent, c.counters.WentSilent)
	case c.counters.Sent == 0 && c.counters.Unroutable != nil:
		return c.counters.Unroutable
	}
	return nil
}
