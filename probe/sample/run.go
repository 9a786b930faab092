package sample

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"

	"synscope/probe"
	"synscope/probe/isn"
)

// run is what the targets of a run share.
type run struct {
	cfg      Config
	network  probe.Network
	desk     *desk
	pace     *pace
	counters *counters
	line     timeline

	mu     sync.Mutex // round the sink
	sink   Sink
	cancel context.CancelCauseFunc
}

// Run samples the targets of cfg over the network, several beside each other,
// and hands every sample and every result to sink. Cancelling ctx ends the run
// early with [probe.ErrInterrupted]: targets under way are reported with what
// they have, the others not at all. Errors beside that are those of sink, of
// the configuration, and [probe.ErrNetworkDown].
func Run(ctx context.Context, n probe.Network, cfg Config, sink Sink) (probe.Summary, error) {
	cfg = cfg.withDefaults()
	if len(cfg.Plan.Steps) == 0 {
		return probe.Summary{}, ErrNoSteps
	}
	c := newCounters(n.Stats(), uint64(len(cfg.Targets)*len(cfg.Plan.Steps)))
	r := &run{cfg: cfg, network: n, desk: newDesk(n, c), pace: newPace(cfg.Rate),
		counters: c, line: timeline{c.start}, sink: sink}
	ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	go r.desk.run()
	r.all(ctx)
	err := r.failure(ctx)
	r.desk.stop()
	summary := c.summary(n.Stats())
	summary.Complete = err == nil
	return summary, err
}

// failure is why the run ended early, nil if it did not.
func (r *run) failure(ctx context.Context) error {
	select {
	case <-r.desk.ended:
		return r.desk.failure()
	default:
	}
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return nil
	case errors.Is(cause, ctx.Err()):
		return probe.ErrInterrupted
	default:
		return cause
	}
}

// all samples every target, as many at once as the configuration allows.
func (r *run) all(ctx context.Context) {
	var working sync.WaitGroup
	places := make(chan struct{}, r.cfg.Parallel)
	seeds := rand.NewChaCha8(r.cfg.Seed)
	for _, target := range r.cfg.Targets {
		rng := rand.New(rand.NewChaCha8(fork(seeds)))
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		working.Add(1)
		go func() {
			defer func() { <-places; working.Done() }()
			r.one(ctx, target, rng)
		}()
	}
	working.Wait()
}

// fork draws a seed for one target.
func fork(seeds *rand.ChaCha8) (seed [32]byte) {
	for i := 0; i < len(seed); i += 8 {
		binary.LittleEndian.PutUint64(seed[i:], seeds.Uint64())
	}
	return seed
}

// one samples one target and reports the result.
func (r *run) one(ctx context.Context, target netip.AddrPort, rng *rand.Rand) {
	w := newWalker(r, target, rng)
	w.box = r.desk.open(target)
	w.walk(ctx)
	r.desk.shut(target)
	r.progress(len(r.cfg.Plan.Steps) - w.res.Carried)
	w.res.judge(r.cfg.Plan.Quick)
	r.counters.count(func(s *probe.Summary) {
		s.Probes++
		s.States[w.res.State]++
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.give(r.sink.Result(w.res))
}

// sample hands one sample to the sink and reports whether the run goes on.
func (r *run) sample(target netip.AddrPort, s isn.Sample) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.give(r.sink.Sample(target, s))
}

// give ends the run where the sink takes no more.
func (r *run) give(err error) bool {
	if err != nil {
		r.cancel(err)
	}
	return err == nil
}

// progress tells that n more steps had their turn.
func (r *run) progress(n int) {
	if r.cfg.OnProgress == nil {
		return
	}
	p := r.counters.advance(n, r.cfg.Rate)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.OnProgress(p)
}
