package trace

import (
	"cmp"
	"context"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// tracer runs one trace. All its state but the table belongs to the goroutine
// of run.
type tracer struct {
	*wire.Hops
	cfg  *Config
	sink func(Hop) error

	grid        [][]*query         // by TTL from 1, and query
	again       []*query           // to be sent once more, before the others
	settling    []*query           // answered, but something better may come
	aside       bool               // the flow's port may be half open at the target: what may reach it takes another
	late        wire.Outcome       // of the target's answers that came too late for a hop
	opened      int                // the lowest TTL of a SYN that opened a connection though its SYN-ACK was lost, 0 none
	opener      *wire.Transmission // that SYN
	acksAll     bool               // the target acknowledges every SYN: that opens nothing
	end         end                // of the way, as far as is known
	handed      int                // hops handed to sink
	longest     time.Duration      // the longest time that an answer took
	firstRound  time.Duration      // when the last probe of the first round left
	next        time.Duration      // when the next probe may leave
	ports       int                // turns the source ports
	persistence wire.Persistence
	same        same
	movements   int            // of the way to another
	unsendable  *probe.Verdict // of a target for which nothing could be sent
}

// query is one probe of a hop and what came of it.
type query struct {
	Hop
	sent    *wire.Transmission // nil until it has left
	ended   bool
	aside   bool // to leave from another port than the flow's
	small   bool // to leave without options
	refused int  // how often the kernel refused it
	retries int  // how often it was repeated because of what came back
	noted   []probe.Finding
	took    time.Duration // until its SYN-ACK, or a router's error; 0: none came
}

func newTracer(n probe.Network, cfg *Config, sink func(Hop) error) (*tracer, error) {
	x, err := wire.NewHops(n, wire.Look{Profile: cfg.Profile, TOS: cfg.TOS, Key: cfg.Key}, cfg.Target, cfg.Rate)
	if err != nil {
		return nil, err
	}
	t := &tracer{Hops: x, cfg: cfg, sink: sink}
	t.Accept, t.Probing = t.acceptAnswer, t.probing
	for ttl := range cfg.MaxHops {
		queries := make([]*query, cfg.Queries)
		for q := range queries {
			queries[q] = &query{Hop: Hop{TTL: ttl + 1, Query: q + 1}}
		}
		t.grid = append(t.grid, queries)
	}
	return t, nil
}

func (t *tracer) run(ctx context.Context) error {
	t.Run(ctx, t.WarmUp, func(r *wire.Receiver) (more bool) {
		t.expire(r)
		if t.Follow() {
			t.moved()
		}
		t.persist()
		t.fill()
		t.hand()
		return !t.finished()
	}, t.wakeUp)
	t.handRest()
	return cmp.Or(t.Failure, t.interrupted())
}

func (t *tracer) interrupted() error {
	if t.Stopping && t.end.ttl == 0 {
		return probe.ErrInterrupted
	}
	return nil
}

// wakeUp is the time until which nothing is due.
func (t *tracer) wakeUp() time.Duration {
	wake := t.WakeUp(t.Now + wire.Idle)
	if s := t.Flying.Waiting(); s != nil {
		wake = min(wake, t.deadline(s))
	}
	for _, q := range t.settling {
		wake = min(wake, q.sent.Until)
	}
	if until := t.lateness(); until > 0 {
		wake = min(wake, until)
	}
	if until := t.doubtful(); until > 0 {
		wake = min(wake, until)
	}
	if at := t.persists(); at > 0 {
		wake = min(wake, at)
	}
	if q, at := t.pick(); q != nil && !t.Stopping {
		wake = min(wake, max(t.next, at, t.Now+wire.Spacing))
	}
	return wake
}

// deadline is when a probe is given up.
func (t *tracer) deadline(s *wire.Transmission) time.Duration { return s.Tx.Sent + t.cfg.Timeout }

// reach is the highest TTL that is of interest.
func (t *tracer) reach() int {
	if t.end.ttl > 0 {
		return t.end.ttl
	}
	return t.cfg.MaxHops
}

// finished tells whether every probe of interest has ended.
func (t *tracer) finished() bool {
	if t.unsendable != nil {
		return true
	}
	if t.Warming() || t.Responses.Waiting() > 0 {
		return false
	}
	if q, _ := t.pick(); q != nil && !t.Stopping || t.persists() > 0 {
		return false
	}
	for _, queries := range t.grid[:t.reach()] {
		for _, q := range queries {
			if t.awaited(q) {
				return false
			}
		}
	}
	return t.doubtful() == 0 && !t.closeRest()
}

// hand gives the sink the hops that are certain: those whose probes have ended,
// as long as none before them has one in the air. Silent hops wait for one that
// answers behind them.
func (t *tracer) hand() {
	for t.Failure == nil && t.handed < t.reach() && !t.narrows() {
		upTo, certain := t.certain()
		if !certain {
			return
		}
		t.deliver(upTo)
	}
}

// handRest is hand at the end: of the silent hops that nothing follows, the first
// stands for all.
func (t *tracer) handRest() {
	t.hand()
	if t.Failure == nil && t.handed < t.reach() && t.grid[t.handed][0].sent != nil {
		t.deliver(t.handed + 1)
	}
}

// certain finds the next hop that answered, and tells whether it and those
// before it have ended.
func (t *tracer) certain() (upTo int, ok bool) {
	for ttl := t.handed; ttl < t.reach(); ttl++ {
		answered := false
		for _, q := range t.grid[ttl] {
			if !q.ended || t.awaited(q) {
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
			t.doubtRepeated(q)
			if err := t.sink(q.Hop); err != nil {
				t.Fail(err)
				return
			}
		}
	}
}

// result is the trace as a whole.
func (t *tracer) result(err error) Path {
	v := t.verdict(err)
	s := t.Counted()
	s.Rate = wire.PerSecond(s.Sent, t.Counters.LastSend)
	s.Complete = err == nil
	s.Probes, s.States[v.State] = 1, 1
	r := Path{Verdict: v, Length: t.end.ttl, Summary: s}
	if t.end.ttl == 0 && t.end.routers < t.cfg.MaxHops {
		r.Silent = t.end.routers + 1
	}
	return r
}
