package trace

import (
	"context"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// tracer runs one trace. All its state but the table belongs to the goroutine
// of run.
type tracer struct {
	wire.Loop
	cfg  *Config
	sink func(Hop) error

	route      netraw.Route
	errand     *wire.Transmission
	grid       [][]*query    // by TTL from 1, and query
	plan       int           // the next probe: query plan/MaxHops of TTL plan%MaxHops+1
	again      []*query      // to be sent once more, before the plan goes on
	aside      bool          // the flow's port may be half open at the target: what may reach it takes another
	last       int           // the lowest TTL at which the way was seen to end, 0 none
	routers    int           // the highest TTL at which a router answered
	handed     int           // hops handed to sink
	longest    time.Duration // the longest time that an answer took
	begun      time.Duration // when the first probe left
	firstRound time.Duration // when its last probe left
	next       time.Duration // when the next probe may leave
	ports      int           // turns the source ports
	verdict    probe.Verdict
}

// query is one probe of a hop and what came of it.
type query struct {
	Hop
	shot  *wire.Transmission // nil until it is sent
	ended bool
	aside bool // to leave from another port than the flow's
}

// spacing is kept between two probes: a burst would meet the limits that
// routers put on the errors they send (RFC 1812 §4.3.2.8, RFC 4443 §2.4).
const spacing = 200 * time.Microsecond

func newTracer(n probe.Network, cfg *Config, sink func(Hop) error) (*tracer, error) {
	x, err := wire.NewLoop(n, wire.Look{Profile: cfg.Profile, Tos: cfg.TOS, Key: cfg.Key}.Complete())
	if err != nil {
		return nil, err
	}
	x.Matcher.Recall = rewritten{x.Table}
	t := &tracer{Loop: x, cfg: cfg, sink: sink}
	t.Departed = func(s *wire.Transmission, ev *wire.Event) { s.Tx.Left = ev.At.UnixNano() }
	t.Accept = t.acceptAnswer
	t.verdict = probe.Verdict{Target: cfg.Target, State: probe.StateFiltered, Reason: probe.ReasonNoResponse}
	for ttl := range cfg.MaxHops {
		queries := make([]*query, cfg.Queries)
		for q := range queries {
			queries[q] = &query{Hop: Hop{TTL: ttl + 1, Query: q + 1}}
		}
		t.grid = append(t.grid, queries)
	}
	t.route, err = n.Route(cfg.Target.Addr())
	return t, err
}

func (t *tracer) run(ctx context.Context) error {
	r := wire.NewReceiver(t.Network, t.Matcher)
	go r.Run()
	defer r.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()

	t.Tick(ctx)
	t.sendErrand()
	for {
		t.Tick(ctx)
		t.expire()
		t.fill()
		t.hand(false)
		if t.Failure != nil || t.finished() {
			break
		}
		t.await(ctx, r, alarm)
	}
	t.hand(true)
	return wire.ErrorOr(t.Failure, t.interrupted())
}

func (t *tracer) interrupted() error {
	if t.Stopping && t.last == 0 {
		return probe.ErrInterrupted
	}
	return nil
}

func (t *tracer) await(ctx context.Context, r *wire.Receiver, alarm *time.Timer) {
	wake := t.Now + wire.Idle
	if s := t.Flying.Waiting(); s != nil {
		wake = min(wake, t.deadline(s))
	}
	if !t.Stopping && (t.warming() || t.pending()) {
		wake = min(wake, max(t.next, t.Now+spacing))
	}
	if wait := wake - t.Now; wait > 0 {
		done := ctx.Done()
		if t.Stopping {
			done = nil
		}
		alarm.Reset(wait)
		select {
		case batch, ok := <-r.Full:
			t.Take(r, batch, ok)
		case <-alarm.C:
		case <-done:
		}
	}
}

// deadline is when a probe is given up: after its timeout, but no trace takes
// longer than one timeout and its longest round trip with something to spare.
func (t *tracer) deadline(s *wire.Transmission) time.Duration {
	return min(s.Tx.Sent+t.cfg.Timeout, t.begun+t.cfg.Timeout+t.longest*5/4)
}

// reach is the highest TTL that is of interest.
func (t *tracer) reach() int {
	if t.last > 0 {
		return t.last
	}
	return t.cfg.MaxHops
}

// pending tells whether there is something to send.
func (t *tracer) pending() bool {
	return len(t.again) > 0 || t.plan < t.cfg.MaxHops*t.cfg.Queries
}

// finished tells whether every probe of interest has ended.
func (t *tracer) finished() bool {
	if t.warming() || !t.Stopping && t.pending() {
		return false
	}
	for _, queries := range t.grid[:t.reach()] {
		for _, q := range queries {
			if q.shot != nil && !q.ended {
				return false
			}
		}
	}
	return true
}

// hand gives the sink the hops that are certain: those whose probes have ended,
// as long as none before them has one in the air. Silent hops wait for one that
// answers behind them; at the end, of those that nothing follows, the first
// stands for all.
func (t *tracer) hand(end bool) {
	for t.Failure == nil && t.handed < t.reach() {
		upTo, certain := t.certain()
		switch {
		case certain:
			t.deliver(upTo)
		case end && t.handed < t.reach() && t.grid[t.handed][0].shot != nil:
			t.deliver(t.handed + 1)
			return
		default:
			return
		}
	}
}

// certain finds the next hop that answered, and tells whether it and those
// before it have ended.
func (t *tracer) certain() (upTo int, ok bool) {
	for ttl := t.handed; ttl < t.reach(); ttl++ {
		answered := false
		for _, q := range t.grid[ttl] {
			if !q.ended {
				return 0, false
			}
			answered = answered || q.Kind != HopNone
		}
		if answered {
			return ttl + 1, true
		}
	}
	return 0, false
}

func (t *tracer) deliver(upTo int) {
	for ; t.handed < upTo; t.handed++ {
		for _, q := range t.grid[t.handed] {
			if err := t.sink(q.Hop); err != nil {
				t.Fail(err)
				return
			}
		}
	}
}

// result is the trace as a whole.
func (t *tracer) result(err error) Path {
	s := t.Counted()
	s.Rate = wire.PerSecond(s.Sent, t.Counters.LastSend)
	s.Complete = err == nil
	s.Probes, s.States[t.verdict.State] = 1, 1
	r := Path{Verdict: t.verdict, Length: t.last, Summary: s}
	if t.last == 0 && t.routers < t.cfg.MaxHops {
		r.Silent = t.routers + 1
	}
	return r
}

// rewritten is a table that also recognises quotes of probes that somebody
// changed on their way.
type rewritten struct{ *wire.Table }

// Quoted finds the transmission that a quote is of.
func (t rewritten) Quoted(q *craft.Quote) (int, bool) {
	if id, ok := t.Table.Quoted(q); ok {
		return id, true
	}
	t.Mu.Lock()
	defer t.Mu.Unlock()
	for _, s := range t.List {
		if s.Numbers.Seq == q.Seq {
			return s.Id, true
		}
	}
	for _, s := range t.List {
		if s.Src.Addr().Is4() && s.Ipid == q.ID && s.Src == q.Src && s.Dst.Addr() == q.Dst.Addr() {
			return s.Id, true
		}
	}
	return 0, false
}
