package handshake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// Run opens one connection over a network, does what cfg says, and tells what
// came of it. Unless the connection ended in good order its last act is an RST
// with an exact number, also when ctx is cancelled; then the error wraps
// [probe.ErrInterrupted], and the result is what was seen until then. Other
// errors are those of the network: no route, or nothing may be sent.
//
// The network must not be used by anybody else meanwhile. One that delivers
// its own departures (netraw.Config.WatchOutgoing) gives times of one clock.
func Run(ctx context.Context, n probe.Network, cfg Config) (Result, error) {
	cfg.setDefaults()
	r, err := newRunner(n, &cfg)
	if err != nil {
		return Result{Target: cfg.Target, State: probe.StateUnknown, Reason: probe.ReasonNoRoute}, err
	}
	err = r.play(ctx)
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

	start   time.Time
	timers  [2]time.Time // by Timer; the zero time: not running
	pending departures
	input   input
	clock   netraw.Clock
	traffic traffic
	failure error
}

func newRunner(n probe.Network, cfg *Config) (*runner, error) {
	route, err := n.Route(cfg.Target.Addr())
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
	return &runner{
		network: n, cfg: cfg, route: route, plan: plan,
		session: NewSession(plan),
		follower: NewFollower(plan.SYN.Src, plan.SYN.Dst, Context{
			MSS: mssOf(plan.SYN.Options), Withheld: cfg.Withhold, Ending: cfg.Close, Watched: cfg.Watch, Known: cfg.Known,
		}),
		start:   time.Now(),
		traffic: newTraffic(n.Stats()),
	}, nil
}

func mssOf(o craft.Options) uint16 {
	mss, _ := o.MSS()
	return mss
}

// play runs the session to its end.
func (r *runner) play(ctx context.Context) error {
	unblock := context.AfterFunc(ctx, func() { r.network.SetReadDeadline(time.Unix(1, 0)) })
	defer unblock()
	r.step(Event{Kind: Start})
	for !r.session.Done() && r.failure == nil {
		r.network.SetReadDeadline(r.deadline())
		if ctx.Err() != nil {
			r.step(Event{Kind: Cancel})
			break
		}
		r.receive()
		r.expire()
	}
	r.drain()
	switch {
	case r.failure != nil:
		return fmt.Errorf("handshake with %s: %w", r.cfg.Target, r.failure)
	case ctx.Err() != nil:
		return probe.ErrInterrupted
	}
	return nil
}

// deadline is when the next timer runs out.
func (r *runner) deadline() time.Time {
	var next time.Time
	for _, t := range r.timers {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

// expire lets the timers run out that are due.
func (r *runner) expire() {
	now := time.Now()
	for t := range r.timers {
		if at := r.timers[t]; !at.IsZero() && !now.Before(at) {
			r.timers[t] = time.Time{}
			r.step(Event{Kind: Expire, Timer: Timer(t)})
		}
	}
}

// step lets an event happen and does what the session wants.
func (r *runner) step(e Event) {
	e.At = time.Since(r.start)
	var actions []Action
	r.session, actions = Step(r.session, e)
	for i := range actions {
		switch a := &actions[i]; a.Kind {
		case Send:
			r.send(&a.Segment)
		case Set:
			r.timers[a.Timer] = time.Now().Add(a.After)
		case Stop:
			r.timers[a.Timer] = time.Time{}
		}
	}
}

func (r *runner) send(s *craft.Segment) {
	b, err := s.AppendTo(nil)
	if err == nil {
		r.pending.add(s)
		_, err = r.network.Send([][]byte{b})
	}
	if err != nil {
		r.pending.drop()
		r.fail(fmt.Errorf("send: %w", err))
		return
	}
	r.traffic.sent(s)
}

// fail ends the run; the first reason counts.
func (r *runner) fail(err error) {
	if r.failure == nil {
		r.failure = err
	}
}

// receive takes in what has come by the deadline.
func (r *runner) receive() {
	n, err := r.network.Recv(r.input.packets[:])
	for i := range r.input.packets[:n] {
		r.take(&r.input.packets[i])
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		r.fail(err)
	}
}

// drainTime is how long the last departures may take to show.
const drainTime = 20 * time.Millisecond

// drain waits until what has been sent was seen leaving.
func (r *runner) drain() {
	for end := time.Now().Add(drainTime); len(r.pending.list) > 0 && time.Now().Before(end) && r.failure == nil; {
		r.network.SetReadDeadline(end)
		r.receive()
	}
	r.network.SetReadDeadline(time.Time{})
	r.leave(len(r.pending.list))
}

// result is what the follower saw, and what only the runner knows.
func (r *runner) result(err error) Result {
	res := r.follower.Result()
	res.Target = r.cfg.Target
	res.Clock = r.clock
	if res.RTT <= 0 || res.RTT > time.Since(r.start)+time.Millisecond {
		res.RTT = 0 // the wall clock was set meanwhile
	}
	res.Traffic = r.traffic.summary(r, &res)
	switch {
	case r.failure != nil && res.Reason == probe.ReasonNoResponse:
		res.State, res.Reason = probe.StateUnknown, probe.ReasonSendFailed
	case err != nil && res.Reason == probe.ReasonNoResponse:
		res.State, res.Reason = probe.StateUnknown, probe.ReasonInterrupted
	}
	return res
}

// worthProving tells whether a silent half-open peer may keep SYN cookies.
func (r *runner) worthProving() bool {
	v := &r.follower.seen
	return r.cfg.Withhold == WithholdSYNACKAck && r.cfg.Watch >= patience &&
		v.synack.count == 1 && v.reset() == nil
}

// proveCookies asks twice more, one after the other, with the same ports and
// other ISNs. A host that keeps connections chooses its own number anew; a
// cookie moves with ours, for as long as its clock stands (a minute in Linux).
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
	next, err := newRunner(r.network, &again)
	if err != nil || next.play(ctx) != nil {
		return pair, false
	}
	r.traffic.add(&next.traffic)
	f := next.follower
	return [2]craft.Seq{f.Client.ISS, f.Server.ISS}, f.Server.Opened()
}
