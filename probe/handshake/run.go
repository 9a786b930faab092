package handshake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// ErrLocalFirewall says that an output rule of this machine refused a segment.
var ErrLocalFirewall = errors.New("this machine's own firewall refused to send")

// firewallError is the kernel's error, which says so too.
type firewallError struct{ error }

func (e firewallError) Is(target error) bool { return target == ErrLocalFirewall }
func (e firewallError) Unwrap() error        { return e.error }

// Run opens one connection over a network, does what cfg says, and tells what
// came of it. Unless the connection ended in good order its last act is an RST
// with an exact number, also when ctx is cancelled; then the error wraps
// [probe.ErrInterrupted], and the result is what was seen until then. Other
// errors are those of the network: no route, [probe.ErrNetworkDown], or a segment
// that can never be sent. A firewall of this machine is a verdict, and no error.
//
// The network must not be used by anybody else meanwhile. One that delivers
// its own departures (netraw.Config.WatchOutgoing) gives times of one clock.
func Run(ctx context.Context, n probe.Network, cfg Config) (Result, error) {
	cfg.setDefaults()
	r, err := newRunner(ctx, n, &cfg)
	if err != nil {
		return Result{Target: cfg.Target, State: probe.StateUnknown, Reason: wire.NoWay(cfg.Target, err).Reason}, err
	}
	r, err = r.movesOn(ctx, r.play(ctx))
	if err == nil && r.worthProving() {
		r.proveCookies(ctx)
	}
	return r.result(err), err
}

// runner feeds a Session with what the network brings, and a Follower with all
// that a tap sees.
type runner struct {
	network  probe.Network
	cfg      *Config
	route    netraw.Route
	plan     *Plan
	session  Session
	follower *Follower

	opening synProbe // what came of the SYN
	start   time.Time
	at      time.Duration // of the last event
	timers  [2]time.Time  // by Timer; the zero time: not running
	clocks  wire.Clocks
	outbox  outbox
	pending departures
	input   input
	clock   netraw.Clock
	stepped bool          // the wall clock was set between SYN and answer
	watched time.Duration // for how long the peer was left without an acknowledgement
	silent  time.Duration // when that began; 0: not
	traffic traffic
	failure error

	way ourWay
}

func newRunner(ctx context.Context, n probe.Network, cfg *Config) (*runner, error) {
	route, err := routeTo(ctx, n, cfg)
	if err != nil {
		return nil, fmt.Errorf("handshake with %s: %w", cfg.Target, err)
	}
	port := cfg.Port
	if port == 0 {
		port = n.Ports()[0]
	}
	plan, err := cfg.plan(route, port)
	if err != nil {
		return nil, fmt.Errorf("handshake with %s: %w", cfg.Target, err)
	}
	r := &runner{
		network: n, cfg: cfg, route: route, plan: plan,
		session: NewSession(plan),
		follower: NewFollower(plan.SYN.Src, plan.SYN.Dst, Context{
			MSS: mssOf(plan.SYN.Options), Withheld: cfg.Withhold, Ending: cfg.Close, Known: cfg.Known,
		}),
		start: time.Now(), clocks: wire.NewClocks(n),
		traffic: newTraffic(n.Stats()),
		way:     ourWay{changes: wire.NewRouteChanges(n)},
	}
	if cfg.answered() {
		r.outbox.outage.End()
	}
	r.opening = newSYNProbe(plan, cfg)
	r.opening.matcher.Machine = wire.NewMachine(n)
	return r, nil
}

// answered tells whether the target has answered before.
func (c *Config) answered() bool { return c.Known.TTL > 0 }

// routeEvery is how often the kernel is asked for a way that is gone.
const routeEvery = 100 * time.Millisecond

// routeTo is the way to the target. Where that has answered before, a way that is gone is
// waited for: the network is away.
func routeTo(ctx context.Context, n probe.Network, cfg *Config) (netraw.Route, error) {
	var outage wire.Outage
	for start := time.Now(); ; {
		route, err := wire.RouteTo(n, cfg.Target.Addr())
		if !cfg.answered() || wire.RefusalOf(err) != wire.RefusedNetworkAway {
			return route, err
		}
		now := time.Since(start)
		if outage.Note(err, now); outage.Certain(now) {
			return route, outage.Error()
		}
		select {
		case <-time.After(routeEvery):
		case <-ctx.Done():
			return route, fmt.Errorf("%w: %w", probe.ErrInterrupted, err)
		}
	}
}

func mssOf(o craft.Options) uint16 {
	mss, _ := o.MSS()
	return mss
}

// play runs the session to its end.
func (r *runner) play(ctx context.Context) error {
	reader := r.input.read(r.network, &r.plan.SYN)
	go reader.Run()
	defer reader.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	r.takeTurn(ctx)
	r.step(Event{Kind: Start})
	for !r.over() {
		if ctx.Err() != nil {
			r.outbox.gap, r.outbox.turn = 0, time.Time{} // what closes the connection leaves at once
			r.step(Event{Kind: Cancel})
			r.flush()
			break
		}
		if r.follows() {
			break
		}
		if wait := time.Until(r.deadline()); wait > 0 {
			if r.unanswered() {
				wait = min(wait, wayLook)
			}
			r.await(ctx, reader, alarm, wait)
			continue
		}
		reader.CatchUp(func(batch []arrival, ok bool) bool { return r.takeAll(reader, batch, ok) })
		if r.blocked() {
			break
		}
		r.expire()
	}
	r.abandon()
	r.noteWatch()
	r.drain(reader)
	switch {
	case r.failure != nil:
		return fmt.Errorf("handshake with %s: %w", r.cfg.Target, r.failure)
	case ctx.Err() != nil:
		return probe.ErrInterrupted
	}
	return nil
}

// abandon resets a connection that a failure has ended, or a segment that this machine lets out never: the RST
// may pass all the same.
func (r *runner) abandon() {
	failure, unsent := r.failure, r.outbox.unsent
	if failure == nil && unsent == nil || r.traffic.out == 0 {
		return
	}
	r.failure, r.outbox = nil, outbox{waited: r.outbox.waited}
	r.step(Event{Kind: Cancel})
	r.failure, r.outbox.list, r.outbox.unsent = failure, nil, unsent
}

// longestGap bounds the time between two segments, however low the rate.
const longestGap = time.Hour

// takeTurn waits for as long as a segment before this connection may keep its first back.
func (r *runner) takeTurn(ctx context.Context) {
	if r.cfg.Rate <= 0 {
		return
	}
	r.outbox.gap = time.Duration(min(float64(time.Second)/r.cfg.Rate, float64(longestGap)))
	select {
	case <-time.After(r.outbox.gap):
	case <-ctx.Done():
	}
}

// over tells whether nothing is left to do.
func (r *runner) over() bool {
	return r.failure != nil || r.outbox.unsent != nil || r.session.Done() && len(r.outbox.list) == 0
}

// await waits for packets, for the end of the wait or of the run.
func (r *runner) await(ctx context.Context, reader *wire.Reader[arrival], alarm *time.Timer, wait time.Duration) {
	alarm.Reset(wait)
	select {
	case batch, ok := <-reader.Full:
		r.takeAll(reader, batch, ok)
	case <-alarm.C:
	case <-ctx.Done():
	}
}

// takeAll takes in a batch, and tells whether to go on.
func (r *runner) takeAll(reader *wire.Reader[arrival], batch []arrival, ok bool) bool {
	if !ok {
		r.fail(reader.Reason())
		return false
	}
	for i := range batch {
		r.take(&batch[i])
	}
	reader.Empty <- batch
	return !r.over()
}

// deadline is when the next timer runs out, or a refused segment is sent anew.
func (r *runner) deadline() time.Time {
	if len(r.outbox.list) > 0 {
		return r.outbox.next()
	}
	next := time.Now().Add(wire.Idle)
	for _, t := range r.timers {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next
}

// expire lets the timers run out that are due. None does while a segment waits
// to be sent: what did not leave cannot be answered.
func (r *runner) expire() {
	r.flush()
	now := time.Now()
	for t := range r.timers {
		if at := r.timers[t]; !at.IsZero() && !now.Before(at) && len(r.outbox.list) == 0 {
			r.timers[t] = time.Time{}
			r.step(Event{Kind: Expire, Timer: Timer(t)})
		}
	}
}

// step lets an event happen now, and does what the session wants.
func (r *runner) step(e Event) { r.stepAt(e, time.Since(r.start)) }

func (r *runner) stepAt(e Event, at time.Duration) {
	r.at = max(r.at, at-r.outbox.waited)
	e.At = r.at
	var actions []Action
	r.session, actions = Step(r.session, e)
	for i := range actions {
		switch a := &actions[i]; a.Kind {
		case Send:
			r.send(&a.Segment, a.Aside)
		case Set:
			r.timers[a.Timer] = time.Now().Add(a.After)
		case Stop:
			r.timers[a.Timer] = time.Time{}
		}
	}
	if silent := r.session.phase == phaseHalfOpen || r.session.phase == phaseWatching; silent && r.silent == 0 {
		r.silent = at
	}
}

// noteWatch tells for how long the peer was really left without an answer.
func (r *runner) noteWatch() {
	if r.silent > 0 {
		r.watched = time.Since(r.start) - r.silent
	}
	r.follower.context.Watched = r.watched
}

// fail ends the run; the first reason counts.
func (r *runner) fail(err error) {
	if r.failure == nil {
		r.failure = err
	}
}

// drainTime is how long the last departures may take to show.
const drainTime = 20 * time.Millisecond

// drain waits until what has been sent was seen leaving.
func (r *runner) drain(reader *wire.Reader[arrival]) {
	alarm := time.NewTimer(drainTime)
	defer alarm.Stop()
	for waiting := true; waiting && len(r.pending.list) > 0; {
		select {
		case batch, ok := <-reader.Full:
			waiting = ok && (r.takeAll(reader, batch, ok) || r.failure == nil)
		case <-alarm.C:
			waiting = false
		}
	}
	r.leave(len(r.pending.list))
}

// result is what the follower saw, and what only the runner knows.
func (r *runner) result(err error) Result {
	res := r.follower.Result()
	res.Target = r.cfg.Target
	res.Clock = r.clock
	r.opening.judge(&res)
	if res.RTT <= 0 || r.stepped || r.repeated(res.RTT) {
		res.RTT = 0
	}
	r.endless(&res)
	switch {
	case r.outbox.unsent != nil && res.State != probe.StateOpen:
		v := r.outbox.unsent
		res.State, res.Reason = v.State, v.Reason
		res.Findings = wire.Noting(res.Findings, v.Findings...)
	case r.failure != nil && r.traffic.out == 0:
		res.State, res.Reason = probe.StateUnknown, probe.ReasonSendFailed
	case err != nil && res.Reason == probe.ReasonNoResponse:
		res.State, res.Reason = probe.StateUnknown, probe.ReasonInterrupted
	}
	res.Traffic = r.traffic.summary(r, &res)
	return res
}

// repeated tells whether the time to the SYN-ACK, held against other times of the
// same way, is that of one which the far end retransmitted.
func (r *runner) repeated(took time.Duration) bool {
	var trips wire.Trips
	trips.Takes(r.cfg.Known.RTT)
	trips.Takes(r.session.rto.least)
	return trips.Doubts(took)
}

// endless reports a peer that sent more than the limits.
func (r *runner) endless(res *Result) {
	s := &r.session
	if s.overrun == limitNone {
		return
	}
	words := [...]string{limitBytes: "bytes", limitSegments: "segments", limitTime: "time"}
	res.Findings = append(res.Findings, probe.Finding{
		Code: "endless-sender", Severity: probe.SeverityNotice,
		Text:     "the peer went on sending until a limit of ours ended the connection",
		Evidence: fmt.Sprintf("limit of %s reached after %s in %s", words[s.overrun], count(s.got, "byte"), count(s.came, "segment")),
	})
}

// worthProving tells whether a silent half-open peer may keep SYN cookies.
func (r *runner) worthProving() bool {
	v := &r.follower.seen
	return r.cfg.Withhold == WithholdSYNACKAck && r.watched >= patience &&
		v.synack.count == 1 && v.reset() == nil
}

// proveCookies sends two more SYNs, one after the other, with the same ports and
// other ISNs. A host that keeps connections chooses its own number anew; a
// cookie depends on ours, within one tick of its counter (a minute in Linux).
func (r *runner) proveCookies(ctx context.Context) {
	first, ok := r.isns(ctx)
	if !ok {
		return
	}
	if second, ok := r.isns(ctx); ok {
		r.follower.seen.cookie = &cookieProof{first, second}
	}
}

// isns opens one more half-open connection, closes it, and tells the two ISNs.
func (r *runner) isns(ctx context.Context) (pair [2]craft.Seq, ok bool) {
	again := *r.cfg
	again.Watch = time.Millisecond
	next, err := newRunner(ctx, r.network, &again)
	if err != nil || next.play(ctx) != nil {
		return pair, false
	}
	r.traffic.add(&next.traffic)
	f := next.follower
	return [2]craft.Seq{f.Client.ISS, f.Server.ISS}, f.Server.Opened()
}
