package paths

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// runner is the live shell round an [explorer]: it sends what that asks for, no
// faster than hops answer, and gives it what comes back. All its state but the
// table belongs to the goroutine of run.
type runner struct {
	wire.Loop
	cfg   *Config
	x     *explorer
	route netraw.Route

	sent     []*sending // by the number of the transmission
	warmUp   *wire.Transmission
	hops     map[int]*hop // by TTL
	wanted   []want       // by the latest graph
	changed  bool         // something came back since, or was given up
	small    bool         // probes leave without options: they were too large
	opened   bool         // the target has accepted: SYNs without an answer may be half open there
	nearest  int          // the lowest TTL at which the target answered, 0 none
	longest  time.Duration
	quickest time.Duration // SYN-ACK
	settle   time.Duration // until when something better than an RST may come
	next     time.Duration // when the next probe may leave
	looked   time.Duration // when progress was told
	outage   wire.Outage
	refusals int
	best     *sending       // whose outcome is the verdict
	failed   *probe.Verdict // of a target for which nothing could be sent
}

// sending is a transmission and the attempt that it is.
type sending struct {
	*wire.Transmission
	pair    *pair
	attempt *attempt
}

const (
	spacing    = 200 * time.Microsecond // between two probes
	shortest   = 250 * time.Millisecond // wait for an answer
	warmUpWait = 200 * time.Millisecond
)

func newRunner(n probe.Network, cfg *Config) (*runner, error) {
	loop, err := wire.NewLoop(n, wire.Look{Profile: cfg.Profile, TOS: cfg.TOS, Key: cfg.Key}.Complete())
	if err != nil {
		return nil, err
	}
	loop.Matcher.Recall, loop.Pace = wire.Rewritten{Table: loop.Table}, wire.NewPace(cfg.Rate)
	r := &runner{Loop: loop, cfg: cfg, hops: map[int]*hop{}, changed: true}
	r.Departed = func(s *wire.Transmission, ev *wire.Event) { s.Left(ev, r.Reading) }
	r.Accept = r.accept
	r.x = newExplorer(cfg.Target.Addr().WithZone(""), cfg.MaxHops, len(n.Ports()), cfg.Queries, cfg.Confidence)
	for _, port := range cfg.Flows {
		if !slices.Contains(n.Ports(), port) {
			return nil, fmt.Errorf("paths: source port %d is not held", port)
		}
		r.x.flows = append(r.x.flows, &flow{id: len(r.x.flows), port: port})
		r.x.follows = true
	}
	r.x.trust = func(ttl int) bool { return r.hop(ttl).tells() }
	r.route, err = n.Route(cfg.Target.Addr())
	return r, err
}

func (r *runner) run(ctx context.Context) error {
	in := wire.NewReceiver(r.Network, r.Matcher)
	go in.Run()
	defer in.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()

	r.Tick(ctx)
	r.sendWarmUp()
	for {
		r.Tick(ctx)
		r.expire(in)
		r.decide()
		r.fill()
		r.progress()
		if r.Failure != nil || r.finished() {
			break
		}
		r.await(ctx, in, alarm)
	}
	return wire.ErrorOr(r.Failure, r.interrupted())
}

func (r *runner) interrupted() error {
	if r.Stopping && (len(r.wanted) > 0 || r.changed) {
		return probe.ErrInterrupted
	}
	return nil
}

// decide asks the explorer what to send, where something has changed.
func (r *runner) decide() {
	if r.changed && !r.warming() {
		r.changed = false
		r.wanted = r.x.next()
		for _, h := range r.hops {
			h.narrow = false
		}
		for _, w := range r.wanted {
			r.hop(w.ttl).narrow = r.hop(w.ttl).narrow || w.why == forLost
		}
		for _, h := range r.hops {
			h.look()
		}
	}
}

func (r *runner) finished() bool {
	if r.failed != nil {
		return true
	}
	if r.warming() || r.Flying.Waiting() != nil || r.Responses.Waiting() > 0 || r.Now < r.settle && !r.Stopping {
		return false
	}
	return r.Stopping || len(r.wanted) == 0 && !r.changed
}

// fill sends what may be sent now.
func (r *runner) fill() {
	r.Respond()
	for !r.Stopping && !r.warming() && r.Failure == nil && r.failed == nil && r.Now >= r.next && r.Pace.Allowance(r.Now, 1) > 0 {
		i := slices.IndexFunc(r.wanted, func(w want) bool { return r.hop(w.ttl).ready(w) <= r.Now })
		if i < 0 {
			return
		}
		w := r.wanted[i]
		r.wanted = slices.Delete(r.wanted, i, i+1)
		r.send(w)
	}
}

// send sends a probe.
func (r *runner) send(w want) {
	if w.flow == nil {
		w.flow = r.x.unused(r.Matcher.Ports)
	}
	s := &wire.Transmission{TTL: uint8(w.ttl), Index: w.ttl - 1, Attempt: 1, Small: r.small}
	if err := r.transmit(s, w.flow.port); err != nil {
		r.refused(w, err)
		return
	}
	r.refusals = 0
	a := r.x.begin(w)
	r.sent[s.ID] = &sending{s, w.flow.pair(w.ttl), a}
	r.hop(w.ttl).sent(w, r.Now)
	r.Flying.Push(s)
	attempt := 0
	if w.why == forLost {
		attempt = 1
	}
	r.Counters.Departed(attempt, r.Now)
	r.outage.End()
	r.next = r.Now + spacing
}

// transmit sends one SYN.
func (r *runner) transmit(s *wire.Transmission, port uint16) error {
	s.Src, s.Dst = netip.AddrPortFrom(r.route.Source, port), r.cfg.Target
	if s.Dst.Addr().Zone() != "" {
		s.Link = r.route.IfIndex
	}
	id := len(r.Table.List)
	s.Numbers = r.Matcher.Cookie.Numbers(s.Src, s.Dst, id)
	s.IPID = r.Matcher.Cookie.Numbers(s.Src, s.Dst, -1).IPID() + uint16(id)
	r.Table.Add(s)
	r.sent = append(r.sent, nil)
	r.Packets.Clear()
	r.Packets.AddTransmission(s, r.Now)
	s.Wire = append([]byte(nil), r.Packets.Batch[0]...)
	r.Reading = r.Clocks.Read()
	s.Tx.Sent, s.Handed = r.Now, r.Reading
	_, err := wire.SendOn(r.Network, r.Packets.Batch, []int{s.Link})
	s.Back = r.Clocks.Read().Wall
	r.Packets.Clear()
	r.Pace.Spend(1)
	s.Ended, s.Closed = err != nil, err != nil
	return err
}

// refused waits before the kernel is asked again. What it never takes ends the
// run.
func (r *runner) refused(w want, err error) {
	r.outage.Note(err, r.Now)
	if r.outage.Certain(r.Now) {
		r.Fail(r.outage.Error())
		return
	}
	if wait, again := wire.Backoff(err, r.refusals); again {
		r.refusals++
		r.wanted = append([]want{w}, r.wanted...)
		r.next = r.Now + wait
		return
	}
	if r.Counters.Sent == 0 {
		v := wire.Unsendable(r.cfg.Target, err)
		r.failed = &v
		return
	}
	r.Fail(fmt.Errorf("paths: %w", err))
}

// sendWarmUp sends a SYN that dies at the first router, so that the neighbour's
// address is known before anything is timed.
func (r *runner) sendWarmUp() {
	if r.route.Local {
		return
	}
	r.warmUp = &wire.Transmission{TTL: 1, WarmUp: true}
	ports := r.Matcher.Ports
	if r.transmit(r.warmUp, ports[len(ports)-1]) != nil {
		r.warmUp.Ended = true
	}
}

func (r *runner) warming() bool {
	s := r.warmUp
	return s != nil && !s.Ended && s.Tx.Left == 0 && r.Now-s.Tx.Sent < warmUpWait && !r.Stopping
}

func (r *runner) await(ctx context.Context, in *wire.Receiver, alarm *time.Timer) {
	if wait := r.wakeUp() - r.Now; wait > 0 {
		done := ctx.Done()
		if r.Stopping {
			done = nil
		}
		alarm.Reset(wait)
		select {
		case batch, ok := <-in.Full:
			r.Take(in, batch, ok)
		case <-alarm.C:
		case <-done:
		}
	}
	r.Poll(in)
}

// wakeUp is the time until which nothing is due.
func (r *runner) wakeUp() time.Duration {
	wake := r.Now + wire.LookEvery
	if s := r.Flying.Waiting(); s != nil {
		wake = min(wake, r.deadline(s))
	}
	if r.settle > r.Now {
		wake = min(wake, r.settle)
	}
	if r.warming() {
		wake = min(wake, r.Now+spacing)
	}
	if !r.Stopping {
		for _, w := range r.wanted {
			if at := r.hop(w.ttl).ready(w); at != never {
				wake = min(wake, max(at, r.next, r.Pace.WakeUp(), r.Now+spacing))
			}
		}
	}
	if r.Responses.Waiting() > 0 {
		wake = min(wake, max(r.Pace.WakeUp(), r.Now+spacing))
	}
	return wake
}

// deadline is when a probe is given up. What comes later counts all the same.
func (r *runner) deadline(s *wire.Transmission) time.Duration {
	wait := r.cfg.Timeout
	if r.longest > 0 {
		wait = min(wait, max(4*r.longest, shortest))
	}
	return s.Tx.Sent + wait
}

// expire gives up the probes whose time is over. What has arrived by now is taken
// in first, however late this process runs.
func (r *runner) expire(in *wire.Receiver) {
	now := r.Now
	if s := r.Flying.Waiting(); s != nil && now >= r.deadline(s) {
		r.CatchUp(in)
	}
	for s := r.Flying.Waiting(); s != nil && now >= r.deadline(s); s = r.Flying.Waiting() {
		r.Flying.Pop()
		r.giveUp(r.sent[s.ID])
	}
}

// giveUp takes a probe for lost. One that may have reached a target that accepts
// is closed: its SYN-ACK may be what was lost.
func (r *runner) giveUp(p *sending) {
	p.Ended, p.attempt.lost, r.changed = true, true, true
	r.hop(p.pair.ttl).gaveUp(p.pair, r.Now)
	r.close(p)
}

// close sends an RST for a SYN without an answer that may have reached a target
// that accepts.
func (r *runner) close(p *sending) {
	if r.opened && p.attempt.lost && len(p.attempt.answers) == 0 && p.pair.ttl >= r.nearest {
		p.Close(&r.Responses)
	}
}

// progress tells how far the run has come.
func (r *runner) progress() {
	if r.cfg.OnProgress == nil || r.Now-r.looked < wire.LookEvery {
		return
	}
	r.looked = r.Now
	p := Progress{Probes: r.x.sent, Elapsed: r.Now}
	if g := r.x.latest; g != nil {
		g.vertices(func(*vertex) { p.Nodes++ })
		p.Asked = g.asks()
	}
	for _, h := range r.hops {
		if h.state == hopLimited {
			p.Limited++
		}
	}
	r.cfg.OnProgress(p)
}

func (r *runner) hop(ttl int) *hop {
	if r.hops[ttl] == nil {
		r.hops[ttl] = &hop{lost: map[*pair]time.Duration{}}
	}
	return r.hops[ttl]
}
