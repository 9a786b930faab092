package wide

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// run runs one stateless scan. Four goroutines share the work: the sender, the
// receiver, the output, and this one between them, which owns all state but
// theirs.
type run struct {
	cfg     *Config
	net     Blaster
	matcher wire.Matcher
	sources sources
	routes  wire.RouteChanges
	seen    *seen
	sender  *sender
	output  *output

	wall     time.Time // read once a turn
	start    time.Time
	now      time.Duration // from start to wall
	nextLook time.Duration
	nextMark time.Duration
	marked   uint64 // the highest position that is known to be done
	lastSent uint64 // as of the last look
	lastLook time.Duration
	lastNew  time.Duration // when the last answer came that was none before
	quickest time.Duration // round trip
	lastSend time.Duration // when the last probe left, as of the last look
	slowest  time.Duration // the longest RTT measured
	stopping bool          // the context was cancelled
	over     bool          // the plan was sent and its answers awaited

	base       netraw.Stats
	counters   probe.Summary
	responses  *responses
	doubts     doubts
	silence    silence
	losses     losses
	whole      whole
	near       near
	same       same
	queue      queue
	limit      limit
	windowed   bool // the first probes are waited for
	pacing     pacing
	passes     int    // how many probes each target is to get
	added      int    // how often there were more
	firewalled uint64 // targets that a local firewall kept from being probed
	searched   int    // targets, for answers that came from another address
	spare      *batch // to be filled, nil for none
	failure    error
}

func newRun(b Blaster, cfg *Config, sink probe.Sink) (*run, error) {
	p, err := wire.NewPackets(cfg.look())
	if err != nil {
		return nil, err
	}
	w := &run{
		cfg: cfg, net: b, doubts: doubts{of: map[netip.AddrPort]*doubt{}},
		responses: &responses{packets: p, waiting: make(chan struct{}, 1)},
		silence:   silence{sent: newTrail(mostPatience(cfg.Timeout), 0)},
		matcher: wire.Matcher{
			Cookie: wire.NewCookie(cfg.Key), Tech: cfg.Technique,
			Ports: b.Ports(), Attempts: cfg.MostRetries + 1,
		},
		routes:   wire.NewRouteChanges(b), // before the sources: no change falls between
		sources:  newSources(b, cfg.Plan, asksOf(cfg.Neighbours)),
		output:   newOutput(cfg, sink),
		marked:   cfg.From,
		passes:   cfg.Retries + 1,
		nextMark: cfg.CheckpointEvery,
		base:     b.Stats(),
		counters: probe.Summary{Rejected: map[string]uint64{}, States: map[probe.State]uint64{}},
	}
	w.whole, w.near, w.same = newWhole(cfg), newNear(cfg), newSame(cfg)
	w.pacing, w.queue = newPacing(cfg), newQueue(cfg)
	w.seen = newSeen(cfg.Plan.Count()-cfg.From, w.matcher.Cookie)
	w.sender = newSender(b, cfg, w.output.congested, w.responses)
	w.windowed = w.pacing.full > 0 && w.near.plan != nil
	w.sender.orders.window = w.windowed
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
	go w.output.run()
	go w.sender.run(sending, w.start, &w.matcher, w.sources)

	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for w.failure == nil && !w.over {
		w.await(ctx, r, alarm)
		w.tick(ctx)
		if w.over {
			w.catchUp(r)
		}
	}
	stopSending()
	w.closeRest(r)
	close(w.sender.quit)
	<-w.sender.ended
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
	wait := w.lookEvery()
	if left := w.watched() - w.now; left > 0 {
		wait = min(wait, left)
	}
	alarm.Reset(wait)
	select {
	case batch, ok := <-r.Full:
		if !ok {
			w.failure = r.Reason()
			return
		}
		w.read()
		w.take(batch)
		r.Empty <- batch
	case <-w.output.failed:
		w.failure = w.output.err
	case <-alarm.C:
	case <-done:
	}
}

// catchUp takes in what had arrived before the run was found to be over, however
// late this process runs; what is new prolongs the run.
func (w *run) catchUp(r *wire.Receiver) {
	r.CatchUp(func(events []wire.Event, ok bool) (more bool) {
		if !ok {
			w.failure = r.Reason()
			return false
		}
		w.read()
		w.take(events)
		r.Empty <- events
		return w.failure == nil
	})
	w.read()
	w.look()
}

// closeFor bounds how long RSTs wait for their pace at the end, and closeLook is how often that is looked at.
const (
	closeFor  = time.Second
	closeLook = time.Millisecond
)

// closeRest takes in what has arrived, whatever ended the run, and waits until what that calls for has left:
// no connection that was opened stays half open.
func (w *run) closeRest(r *wire.Receiver) {
	for until := time.Now().Add(closeFor); ; time.Sleep(closeLook) {
		r.CatchUp(func(events []wire.Event, ok bool) (more bool) {
			if ok {
				w.read()
				w.take(events)
				r.Empty <- events
			}
			return ok
		})
		if !w.responses.any() || time.Now().After(until) {
			return
		}
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
	if w.now >= w.nextLook || w.answered() {
		w.nextLook = w.now + w.lookEvery()
		w.followRoutes()
		w.look()
	}
	if w.now >= w.nextMark && w.cfg.Checkpoint != nil && w.failure == nil {
		w.nextMark = w.now + w.cfg.CheckpointEvery
		w.checkpoint()
	}
}

// look sees how the sender does, and whether the run is over.
func (w *run) look() {
	status, refused := w.sender.look()
	for _, r := range refused {
		w.refused(r)
	}
	if status.err != nil {
		w.failure = status.err
	}
	w.lastSend = status.lastSend
	if status.added > w.added {
		w.added, w.marked = status.added, min(w.marked, status.addedFrom)
	}
	w.listen(&status)
	w.sender.space(w.timeout())
	w.mindQueue()
	changed := w.followLoss() || w.persist(&status)
	w.over = status.idle && !changed && w.silence.since == 0 && (w.now >= w.end() || status.sent == 0) || w.answered()
	w.expireDoubts(w.now)
	w.flush()
	if w.cfg.OnHeld != nil && status.held > 0 {
		w.cfg.OnHeld(status.held)
	}
	if w.cfg.OnProgress != nil {
		w.progress(&status)
	}
	w.lastSent, w.lastLook = status.sent, w.now
}

// refused reports a target that this machine's firewall keeps from being probed.
func (w *run) refused(r refusedTarget) {
	if w.seen.note(r.target, wire.RankICMP, -1).rank != wire.RankSilence {
		return
	}
	v := wire.Unsendable(r.target, r.err)
	w.firewalled++
	*w.results().add() = answer{verdict: &v}
}

func (w *run) progress(s *sendStatus) {
	count, done := w.cfg.Plan.Count(), w.sender.done()
	w.cfg.OnProgress(probe.Progress{
		Done: done, Total: count, Sent: s.sent,
		Received: w.counters.Received, KernelDrops: w.net.Stats().KernelDrops - w.base.KernelDrops,
		RateAsked: s.rateAsked, RateAchieved: wire.PerSecond(s.sent-w.lastSent, w.now-w.lastLook),
		Elapsed: w.now, Left: wire.TimeLeft(w.now, done-w.cfg.From, count-w.cfg.From),
	})
}

// longestPatience bounds what a few very slow answers may cost.
const longestPatience = 30 * time.Second

func mostPatience(timeout time.Duration) time.Duration { return max(2*timeout, longestPatience) }

// end is until when answers are waited for: those that keep coming late prolong a
// run by the longest patience at most.
func (w *run) end() time.Duration {
	return min(max(max(w.lastSend, w.lastNew)+w.patience(), w.queue.due()), w.lastSend+mostPatience(w.cfg.Timeout))
}

// patience is the silence after which no answer is expected any more: twice the
// timeout, or twice the longest round trip seen, whichever is longer. An
// answer that was known already does not prolong it.
func (w *run) patience() time.Duration {
	return min(max(2*w.timeout(), 2*w.slowest), mostPatience(w.cfg.Timeout))
}

// checkpoint passes on how far everything is done: the last probe of each
// target was sent long enough ago, and answers came since.
func (w *run) checkpoint() {
	if w.silence.missing(w.now, w.lag()) < perhapsSilent {
		w.marked = max(w.marked, w.sender.reached(w.now-w.patience()))
	}
	w.pass(&batch{position: w.marked, mark: true})
}

// pass hands results on, and waits while too many wait already.
func (w *run) pass(d *batch) {
	select {
	case w.output.full <- d:
	case <-w.output.failed:
		w.failure = w.output.err
	}
}

// close ends the output, after what is left in doubt and a last checkpoint.
func (w *run) close() {
	if w.failure == nil {
		w.expireDoubts(math.MaxInt64)
		w.flush()
	}
	switch {
	case w.over && w.whole.all():
		w.marked = w.cfg.Plan.Count()
	case w.over:
		w.marked = w.sender.reached(never)
	}
	if w.failure == nil && w.cfg.Checkpoint != nil {
		w.pass(&batch{position: w.marked, mark: true})
	}
	close(w.output.full)
	<-w.output.done
	if w.failure == nil {
		w.failure = w.output.err
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
	switch refusal := w.sender.status.refusal; {
	case refusal == nil:
	case wire.RefusalOf(refusal) == wire.RefusedByFirewall:
		return cannotSend(refusal, 0)
	default:
		return fmt.Errorf("%w: %w", probe.ErrNothingSent, refusal)
	}
	return w.sources.unroutable()
}

func (w *run) complete() bool {
	finished := w.sender.status.finished && !w.sender.outage.Lasting() || w.whole.all()
	return w.failure == nil && w.over && finished &&
		(w.sender.status.sent > 0 || w.sender.status.refusal == nil)
}

// summary is what the run did, once all its goroutines have ended.
func (w *run) summary() Summary {
	s := Summary{Summary: w.counters, Position: w.marked}
	status, _ := w.sender.look()
	wire.CountNetwork(&s.Summary, w.net.Stats(), w.base)
	s.Probes = w.sender.furthest() - w.cfg.From
	s.Sent, s.Retransmitted, s.Held = status.sent+status.questions, status.retransmitted, status.held
	s.Resets, s.NoNeighbour = status.resets+w.sender.resetting()-w.sender.resets, status.noNeighbour
	s.Outages, s.OutageTime, s.Again = w.silence.outages, w.silence.lasted, status.again
	s.ResetsLost, s.Storms = w.responses.lostResets()
	s.Took, s.Rate = w.now, wire.PerSecond(status.sent, status.lastSend)
	s.Complete, s.Improved, s.Refusal = w.complete(), w.output.improved, status.refusal
	each := max(w.passes, w.cfg.Retries+1) // a round of those that a limit has left out has fewer
	s.Attempts, s.Loss, s.Confidence = each, w.losses.loss(), w.losses.confidence(each)
	s.Pace = w.pacing.slowed()
	w.rejectedBelow(&s.Summary)
	w.states(&s)
	return s
}

// states adds to what was found the targets that kept silent, and those that
// cannot be said to: they could not be probed, or not as often as planned, or
// their answers may be among those that were dropped here.
func (w *run) states(s *Summary) {
	maps.Copy(s.States, w.output.states)
	var answered uint64
	for _, n := range w.output.states {
		answered += n
	}
	silent := s.Probes - min(answered, s.Probes)
	if silent == 0 && s.Probes > 0 && s.Complete {
		s.Confidence = 1 // none may be missing
	}
	absent := min(s.NoNeighbour, silent) // as other scans have it: filtered, no-neighbour
	silent -= absent
	furthest := w.sender.furthest()
	unfinished := furthest - min(furthest, w.sender.last().position())
	if w.whole.all() {
		unfinished = 0
	}
	unsent := w.sender.unsent()
	unsent -= min(unsent, w.firewalled+absent)
	unknown := min(silent, unsent+unfinished+s.KernelDrops)
	s.States[probe.StateFiltered] += absent
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
