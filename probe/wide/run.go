package wide

import (
	"context"
	"fmt"
	"maps"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// run runs one stateless scan. Four goroutines share the work: the sender, the
// receiver, the outlet, and this one between them, which owns all state but
// theirs.
type run struct {
	cfg     *Config
	net     Blaster
	matcher wire.Matcher
	packets *wire.Packets // of the resets
	sources sources
	seen    *seen
	sender  *sender
	outlet  *output

	wall     time.Time // read once a turn
	start    time.Time
	now      time.Duration // from start to wall
	nextLook time.Duration
	nextMark time.Duration
	marked   uint64 // the highest position that is known to be done
	lastSent uint64 // as of the last look
	lastLook time.Duration
	lastNew  time.Duration // when the last answer came that was none before
	slowest  time.Duration // the longest RTT measured
	stopping bool          // the context was cancelled
	over     bool          // the plan was sent and its answers awaited

	base     netraw.Stats
	counters probe.Summary
	resets   []wire.Reset
	spare    *delivery // to be filled, nil for none
	failure  error
}

func newRun(b Blaster, cfg *Config, sink probe.Sink) (*run, error) {
	p, err := wire.NewPackets(cfg.Look())
	if err != nil {
		return nil, err
	}
	w := &run{
		cfg: cfg, net: b, packets: p,
		matcher: wire.Matcher{
			Cookie: wire.NewCookie(cfg.Key), Tech: cfg.Technique,
			Ports: b.Ports(), Attempts: cfg.Retries + 1,
		},
		sources:  newSources(b, cfg.Plan),
		outlet:   newOutput(cfg, sink),
		marked:   cfg.From,
		nextMark: cfg.CheckpointEvery,
		base:     b.Stats(),
		counters: probe.Summary{Rejected: map[string]uint64{}, States: map[probe.State]uint64{}},
	}
	w.seen = newSeen(cfg.Plan.Count()-cfg.From, w.matcher.Cookie)
	w.sender = newSender(b, cfg, w.outlet.congested)
	return w, nil
}

// run starts the others, takes in what arrives until nothing more is to be
// expected, and ends them in the order in which work flows.
func (w *run) run(ctx context.Context) error {
	sending, stopSending := context.WithCancel(ctx)
	defer stopSending()
	w.wall = time.Now()
	w.start = w.wall
	r := wire.NewReceiver(w.net, w.matcher)
	go r.Run()
	go w.outlet.run()
	go w.sender.run(sending, w.start, &w.matcher, w.sources)

	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for w.failure == nil && !w.over {
		w.await(ctx, r, alarm)
		w.tick(ctx)
	}
	stopSending()
	<-w.sender.done
	r.Stop()
	w.close()
	return w.outcome()
}

// await waits for answers, or for the time to look again.
func (w *run) await(ctx context.Context, r *wire.Receiver, alarm *time.Timer) {
	done := ctx.Done()
	if w.stopping {
		done = nil
	}
	alarm.Reset(min(wire.LookEvery, w.cfg.Timeout))
	select {
	case batch, ok := <-r.Full:
		if !ok {
			w.failure = r.Reason()
			return
		}
		w.read()
		w.take(batch)
		r.Empty <- batch
	case <-w.outlet.failed:
		w.failure = w.outlet.err
	case <-alarm.C:
	case <-done:
	}
}

func (w *run) read() {
	w.wall = time.Now()
	w.now = w.wall.Sub(w.start)
}

// tick does what is due from time to time.
func (w *run) tick(ctx context.Context) {
	w.read()
	w.stopping = w.stopping || ctx.Err() != nil
	if w.now >= w.nextLook {
		w.nextLook = w.now + min(wire.LookEvery, w.cfg.Timeout)
		w.look()
	}
	if w.now >= w.nextMark && w.cfg.Checkpoint != nil && w.failure == nil {
		w.nextMark = w.now + w.cfg.CheckpointEvery
		w.checkpoint()
	}
}

// look sees how the sender does, and whether the run is over.
func (w *run) look() {
	status := w.sender.look()
	if status.err != nil {
		w.failure = status.err
	}
	select {
	case <-w.sender.done:
		w.over = w.now >= max(status.lastSend, w.lastNew)+w.patience() || status.sent == 0
	default:
	}
	if w.cfg.OnHeld != nil && status.held > 0 {
		w.cfg.OnHeld(status.held)
	}
	if w.cfg.OnProgress != nil {
		w.progress(&status)
	}
	w.lastSent, w.lastLook = status.sent, w.now
}

func (w *run) progress(s *sendStatus) {
	count, last := w.cfg.Plan.Count(), w.sender.last().position()
	w.cfg.OnProgress(probe.Progress{
		Done: last, Total: count, Sent: s.sent,
		Received: w.counters.Received, KernelDrops: w.net.Stats().KernelDrops - w.base.KernelDrops,
		RateAsked: s.rateAsked, RateAchieved: wire.PerSecond(s.sent-w.lastSent, w.now-w.lastLook),
		Elapsed: w.now, Left: wire.TimeLeft(w.now, last-w.cfg.From, count-w.cfg.From),
	})
}

// longestPatience bounds what a few very slow answers may cost.
const longestPatience = 30 * time.Second

func mostPatience(timeout time.Duration) time.Duration { return max(2*timeout, longestPatience) }

// patience is the silence after which no answer is expected any more: twice the
// timeout, or twice the longest round trip seen, whichever is longer. An
// answer that was known already does not prolong it.
func (w *run) patience() time.Duration {
	return min(max(2*w.cfg.Timeout, 2*w.slowest), mostPatience(w.cfg.Timeout))
}

// checkpoint passes on how far everything is done: the last probe of each
// target was sent long enough ago.
func (w *run) checkpoint() {
	w.marked = max(w.marked, w.sender.last().reached(w.now-w.patience()))
	w.pass(&delivery{position: w.marked, mark: true})
}

// pass hands results on, and waits while too many wait already.
func (w *run) pass(d *delivery) {
	select {
	case w.outlet.full <- d:
	case <-w.outlet.failed:
		w.failure = w.outlet.err
	}
}

// close ends the outlet, after a last checkpoint of what the run came to.
func (w *run) close() {
	if w.over {
		w.marked = w.sender.last().position()
	}
	if w.failure == nil && w.cfg.Checkpoint != nil {
		w.pass(&delivery{position: w.marked, mark: true})
	}
	close(w.outlet.full)
	<-w.outlet.done
	if w.failure == nil {
		w.failure = w.outlet.err
	}
	w.read()
}

func (w *run) outcome() error {
	switch {
	case w.failure != nil:
		return w.failure
	case w.stopping && !w.complete():
		return probe.ErrInterrupted
	case w.sender.status.sent == 0 && w.cfg.From < w.cfg.Plan.Count():
		return w.unsendable()
	}
	return nil
}

// unsendable is why not one probe has been sent.
func (w *run) unsendable() error {
	if refusal := w.sender.status.refusal; refusal != nil {
		return fmt.Errorf("%w: not one probe could be sent: %w", probe.ErrNetworkDown, refusal)
	}
	return w.sources.unroutable()
}

func (w *run) complete() bool {
	return w.failure == nil && w.over && w.sender.status.finished && !w.sender.outage.Lasting() &&
		(w.sender.status.sent > 0 || w.sender.status.refusal == nil)
}

// summary is what the run did, once all its goroutines have ended.
func (w *run) summary() Summary {
	s := Summary{Summary: w.counters, Position: w.marked}
	status := w.sender.look()
	stats := w.net.Stats()
	s.Probes = w.sender.first().position() - w.cfg.From
	s.Sent, s.Retransmitted, s.Held = status.sent, status.retransmitted, status.held
	s.SendErrors = stats.SendErrors - w.base.SendErrors
	s.KernelDrops = stats.KernelDrops - w.base.KernelDrops
	s.Took, s.Rate = w.now, wire.PerSecond(status.sent, status.lastSend)
	s.Complete, s.Improved, s.Refusal = w.complete(), w.outlet.improved, status.refusal
	w.rejectedBelow(&s.Summary)
	w.states(&s)
	return s
}

// states adds to what was found the targets that kept silent, and those that
// cannot be said to: they could not be probed, or not as often as planned.
func (w *run) states(s *Summary) {
	maps.Copy(s.States, w.outlet.states)
	var answered uint64
	for _, n := range w.outlet.states {
		answered += n
	}
	silent := s.Probes - min(answered, s.Probes)
	unfinished := w.sender.first().position() - w.sender.last().position()
	unknown := min(silent, w.sender.unsent()+unfinished)
	s.States[probe.StateUnknown] += unknown
	s.States[w.cfg.Technique.Silence] += silent - unknown
	maps.DeleteFunc(s.States, func(_ probe.State, n uint64) bool { return n == 0 })
}

// rejectedBelow adds what an engine has rejected itself, if it does: the xdp
// engine looks at answers in the kernel.
func (w *run) rejectedBelow(s *probe.Summary) {
	engine, ok := w.net.(interface{ Rejected() map[string]uint64 })
	if !ok {
		return
	}
	for reason, n := range engine.Rejected() {
		s.Rejected[reason] += n
		s.Received += n
	}
}
