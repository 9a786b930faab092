package trace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// Bounds and defaults of a [WatchConfig].
const (
	DefaultInterval = time.Second
	MinInterval     = 10 * time.Millisecond
)

// WatchConfig says which way to watch, and how often. Queries is not used: each
// round asks each hop once.
type WatchConfig struct {
	Config
	Interval time.Duration // between two rounds; 0: DefaultInterval
	Rounds   uint64        // 0: until the context ends

	// Paused is asked before each round whether to wait; nil: never.
	Paused func() bool
	// Quit, once closed, ends the run after the answers to what was sent: as if
	// the rounds were done.
	Quit <-chan struct{}
}

// Watch asks all hops to a target again and again, and hands each probe to sink,
// with the round as its query, once it was answered or its time is over. An answer
// that comes after that counts for nothing.
//
// With FlowFixed all probes leave from one port, and so take one path; with FlowVary
// each round leaves from the next of the held ports. A round goes no further than
// where the way ended in the rounds before; while it has not ended, a few hops behind
// the last that answered.
//
// Cancelling ctx ends the run as Quit does, but with [probe.ErrInterrupted]. Other
// errors are those of [Run].
func Watch(ctx context.Context, network probe.Network, cfg WatchConfig, sink func(Hop) error) (Path, error) {
	if err := cfg.completeWatch(); err != nil {
		return Path{}, err
	}
	if len(network.Ports()) == 0 {
		return Path{}, errors.New("trace: no source port is held")
	}
	w, err := newWatcher(network, &cfg, sink)
	if err != nil {
		return Path{Verdict: probe.Verdict{Target: cfg.Target, Reason: probe.ReasonNoRoute, Err: err}}, err
	}
	err = w.run(ctx)
	return w.result(err), err
}

func (c *WatchConfig) completeWatch() error {
	c.Queries = 1
	if err := c.complete(); err != nil {
		return err
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Interval < MinInterval {
		return fmt.Errorf("trace: a round every %v: at least %v lie between two", c.Interval, MinInterval)
	}
	return nil
}

// watcher runs one watch. All its state but the table belongs to the goroutine of
// run.
type watcher struct {
	wire.Loop
	cfg  *WatchConfig
	sink func(Hop) error

	route   netraw.Route
	warmUp  *wire.Transmission
	round   uint64        // the latest that has begun
	began   time.Duration // when
	ttl     int           // of the round's next probe; 0: the round is sent
	paused  bool
	quit    bool
	reach   int  // where the way ended, in the rounds before; 0: it has not
	proved  bool // by the target itself
	routers int  // the highest TTL at which a router answered
	beyond  int  // rounds in a row in which nothing came from where the way ended
	next    time.Duration
	quick   time.Duration // the least time of a SYN-ACK
	opened  bool          // the target has accepted
	best    *wire.Transmission
	outage  wire.Outage
	refused int
	small   bool
	failed  *probe.Verdict
}

func newWatcher(n probe.Network, cfg *WatchConfig, sink func(Hop) error) (*watcher, error) {
	x, err := wire.NewLoop(n, wire.Look{Profile: cfg.Profile, TOS: cfg.TOS, Key: cfg.Key}.Complete())
	if err != nil {
		return nil, err
	}
	x.Matcher.Recall, x.Pace = wire.Rewritten{Table: x.Table}, wire.NewPace(cfg.Rate)
	w := &watcher{Loop: x, cfg: cfg, sink: sink}
	w.Departed = func(s *wire.Transmission, ev *wire.Event) { s.Left(ev, w.Reading) }
	w.Accept = w.accept
	w.route, err = n.Route(cfg.Target.Addr())
	return w, err
}

func (w *watcher) run(ctx context.Context) error {
	in := wire.NewReceiver(w.Network, w.Matcher)
	go in.Run()
	defer in.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()

	w.Tick(ctx)
	w.sendWarmUp()
	for {
		w.Tick(ctx)
		w.expire(in)
		w.fill()
		if w.Failure != nil || w.finished() {
			break
		}
		w.await(ctx, in, alarm)
	}
	if w.Failure == nil && w.Stopping && !w.over() {
		return probe.ErrInterrupted
	}
	return w.Failure
}

// over tells whether no further round is to come, and the last is sent.
func (w *watcher) over() bool {
	return w.quit || w.cfg.Rounds > 0 && w.round >= w.cfg.Rounds && w.ttl == 0
}

func (w *watcher) finished() bool {
	if w.failed != nil {
		return true
	}
	return (w.over() || w.Stopping) && w.Flying.Waiting() == nil && w.Responses.Waiting() == 0
}

// fill sends what is due.
func (w *watcher) fill() {
	w.Respond()
	for !w.Stopping && !w.over() && !w.warming() && w.Failure == nil && w.failed == nil &&
		w.Now >= w.due() && w.Pace.Allowance(w.Now, 1) > 0 {
		if w.ttl == 0 && !w.begin() {
			return
		}
		w.send()
	}
}

// due is when the next probe may leave.
func (w *watcher) due() time.Duration {
	if w.ttl == 0 && w.round > 0 {
		return max(w.next, w.began+w.cfg.Interval)
	}
	return w.next
}

// pauseLook is how often a paused run looks whether it is to go on.
const pauseLook = 100 * time.Millisecond

// begin begins a round, unless the run is paused. One that is late, since this
// machine slept or was busy, takes its time from now.
func (w *watcher) begin() bool {
	if w.cfg.Paused != nil && w.cfg.Paused() {
		w.next = w.Now + pauseLook
		return false
	}
	if due := w.began + w.cfg.Interval; w.round > 0 && w.Now-due < w.cfg.Interval {
		w.began = due
	} else {
		w.began = w.Now
	}
	w.round++
	w.ttl = 1
	return true
}

// last is the highest TTL of a round.
func (w *watcher) last() int {
	switch {
	case w.reach > 0 && w.beyond < lostEnd:
		return w.reach
	case w.round <= 1:
		return w.cfg.MaxHops
	}
	return min(max(w.routers, w.reach)+beyond, w.cfg.MaxHops)
}

// lostEnd is after how many rounds without an answer from where the way ended it is
// looked for further.
const lostEnd = 3

// send sends the round's next probe. Probes are spread over part of the interval, so
// that those of a round do not meet in one queue.
func (w *watcher) send() {
	port := w.Matcher.Ports[0]
	if w.cfg.Flow == probe.FlowVary {
		port = w.Matcher.Ports[w.round%uint64(len(w.Matcher.Ports))]
	}
	s := &wire.Transmission{TTL: uint8(w.ttl), Index: w.ttl, N: w.round, Attempt: 1, Small: w.small}
	if err := transmit(&w.Loop, w.route, &w.cfg.Config, s, port); err != nil {
		w.refusedBy(err)
		return
	}
	w.refused = 0
	w.Flying.Push(s)
	w.Counters.Departed(0, w.Now)
	w.outage.End()
	w.next = w.Now + min(max(w.cfg.Interval/time.Duration(2*w.last()), spacing), 10*time.Millisecond)
	if w.ttl++; w.ttl > w.last() {
		w.ttl = 0
	}
}

// refusedBy waits before the kernel is asked again; what it never takes ends the
// run.
func (w *watcher) refusedBy(err error) {
	w.outage.Note(err, w.Now)
	if w.cfg.Rounds > 0 && w.outage.Certain(w.Now) {
		w.Fail(w.outage.Error())
		return
	}
	if wait, again := wire.Backoff(err, w.refused); again {
		w.refused++
		w.next = w.Now + wait
		return
	}
	v := wire.Unsendable(w.cfg.Target, err)
	w.failed = &v
}

func (w *watcher) sendWarmUp() {
	if w.route.Local {
		return
	}
	w.warmUp = &wire.Transmission{TTL: 1, WarmUp: true}
	ports := w.Matcher.Ports
	if transmit(&w.Loop, w.route, &w.cfg.Config, w.warmUp, ports[len(ports)-1]) != nil {
		w.warmUp.Ended = true
	}
}

func (w *watcher) warming() bool {
	s := w.warmUp
	return s != nil && !s.Ended && s.Tx.Left == 0 && w.Now-s.Tx.Sent < warmUpLimit && !w.Stopping
}

func (w *watcher) await(ctx context.Context, in *wire.Receiver, alarm *time.Timer) {
	if wait := w.wakeUp() - w.Now; wait > 0 {
		done := ctx.Done()
		if w.Stopping {
			done = nil
		}
		quit := w.cfg.Quit
		if w.quit {
			quit = nil
		}
		alarm.Reset(wait)
		select {
		case batch, ok := <-in.Full:
			w.Take(in, batch, ok)
		case <-alarm.C:
		case <-done:
		case <-quit:
			w.quit, w.ttl = true, 0
		}
	}
	w.Poll(in)
}

// wakeUp is the time until which nothing is due.
func (w *watcher) wakeUp() time.Duration {
	wake := w.Now + wire.Idle
	if s := w.Flying.Waiting(); s != nil {
		wake = min(wake, s.Tx.Sent+w.cfg.Timeout)
	}
	if w.warming() {
		wake = min(wake, w.Now+spacing)
	}
	if !w.Stopping && !w.over() {
		wake = min(wake, max(w.due(), w.Pace.WakeUp(), w.Now+spacing))
	}
	if w.Responses.Waiting() > 0 {
		wake = min(wake, max(w.Pace.WakeUp(), w.Now+spacing))
	}
	return wake
}

// expire gives up the probes whose time is over, and forgets those that nothing can
// come for any more.
func (w *watcher) expire(in *wire.Receiver) {
	now := w.Now
	if s := w.Flying.Waiting(); s != nil && now-s.Tx.Sent >= w.cfg.Timeout {
		w.CatchUp(in)
	}
	for s := w.Flying.Waiting(); s != nil && now-s.Tx.Sent >= w.cfg.Timeout; s = w.Flying.Waiting() {
		w.Flying.Pop()
		s.Ended = true
		if w.opened && int(s.TTL) >= w.reach && w.reach > 0 {
			s.Close(&w.Responses)
		}
		if int(s.TTL) == w.reach {
			w.beyond++
		}
		w.hand(s, Hop{Kind: HopNone})
	}
	for len(w.Table.List) > 0 && (w.Table.List[0].Ended || w.Table.List[0].WarmUp) && now-w.Table.List[0].Tx.Sent > 2*w.cfg.Timeout {
		w.Table.Forget(w.Table.List[0])
	}
}

// hand gives a probe to the sink. What was sent behind the end, before that was
// known, is not shown.
func (w *watcher) hand(s *wire.Transmission, h Hop) {
	h.TTL, h.Query = int(s.TTL), int(s.N)
	if w.reach > 0 && h.TTL > w.reach {
		return
	}
	if err := w.sink(h); err != nil {
		w.Fail(err)
	}
}

// accept lets an answer take effect on its probe, or says why it does not.
func (w *watcher) accept(ev *wire.Event) (reject string) {
	s := w.Table.At(ev.Attempt)
	if !ev.Kind.Verified() {
		s = w.Table.Concerned(ev)
	}
	switch {
	case s == nil:
		return wire.RejectUnsolicited
	case s.WarmUp:
		s.Ended = true
		return wire.RejectDuplicate
	}
	do, reject := w.Weigh(s, ev)
	switch {
	case do == wire.ActRenew, do == wire.ActShrink:
		w.small = w.small || do == wire.ActShrink
		return reject
	case reject != "":
		return reject
	case s.Ended:
		return wire.RejectAfterVerdict
	}
	switch ev.Kind {
	case wire.KindSYNACK, wire.KindReset, wire.KindICMP, wire.KindACK:
		w.answered(s, ev)
	}
	return ""
}

// answered hands an answered probe on.
func (w *watcher) answered(s *wire.Transmission, ev *wire.Event) {
	s.Ended = true
	h := Hop{}
	h.Kind, h.Addr = hopKind(w.cfg.Target.Addr(), ev)
	if ev.Kind == wire.KindICMP {
		icmp := ev.ICMP
		h.ICMP, h.Changes = &icmp, Changes(s.Wire, &ev.Quote, h.Kind)
	}
	w.timed(s, ev, &h)
	w.locate(s, h.Kind)
	w.hand(s, h)
}

// timed gives an answer its time.
func (w *watcher) timed(s *wire.Transmission, ev *wire.Event, h *Hop) {
	if h.Kind == HopUnreachable && ev.Sender == s.Src.Addr() || ev.Indirect() {
		return
	}
	took := s.Took(ev, w.Reading)
	switch {
	case s.Handed.Stepped(w.Reading):
		h.Doubt = probe.DoubtClockStep
		return
	case h.Kind == HopSYNACK && w.quick > 0 && wire.Repeats(took, w.quick):
		h.Doubt = probe.DoubtRepeated
		return
	case h.Kind == HopSYNACK && (w.quick == 0 || took < w.quick):
		w.quick = took
	}
	h.RTT, h.Clock = s.Tx.Elapsed(ev.At, s.Handed.Wall, w.Now)
	if h.Clock == netraw.ClockKernel && time.Unix(0, s.Tx.Left).Sub(s.Back) > wire.HeldBack {
		h.Doubt = probe.DoubtCold
	}
}

// locate takes note of where the way ends. A router that answers from further shows
// that it has become longer.
func (w *watcher) locate(s *wire.Transmission, kind HopKind) {
	ttl := int(s.TTL)
	if kind == HopTimeExceeded {
		w.routers = max(w.routers, ttl)
		if ttl >= w.reach && w.reach > 0 {
			w.reach, w.proved = 0, false
		}
		return
	}
	w.opened = w.opened || kind == HopSYNACK
	if w.best == nil || s.Outcome.Rank >= w.best.Outcome.Rank || w.best.N+lostEnd < s.N {
		w.best = s
	}
	target := kind != HopUnreachable
	switch {
	case w.proved && !target: // a disturbance
		return
	case w.reach == 0, target && !w.proved, w.beyond >= lostEnd:
	case ttl > w.reach, ttl < w.reach && w.cfg.Flow == probe.FlowVary: // flows whose paths differ in length
		return
	}
	w.reach, w.proved, w.beyond = ttl, target, 0
}

// result is the watch as a whole.
func (w *watcher) result(err error) Path {
	v := probe.Verdict{Target: w.cfg.Target, State: w.Matcher.Tech.Silence, Reason: probe.ReasonNoResponse}
	switch {
	case w.failed != nil:
		v = *w.failed
	case w.best != nil:
		v = w.best.Outcome.Verdict(w.Matcher.Tech, w.cfg.Target)
		v.Attempts = 1
	case err != nil:
		v.State, v.Reason, v.Err = probe.StateUnknown, probe.ReasonInterrupted, err
	default:
		v.Attempts = int(w.round)
	}
	s := w.Counted()
	s.Rate = wire.PerSecond(s.Sent, w.Counters.LastSend)
	s.Complete = err == nil
	s.Probes, s.States[v.State] = 1, 1
	r := Path{Verdict: v, Length: w.reach, Summary: s}
	if w.reach == 0 && w.routers < w.cfg.MaxHops {
		r.Silent = w.routers + 1
	}
	return r
}
