package paths

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// runner connects an [explorer] with a network: it sends the probes that it asks for, no
// faster than hops answer, and passes on what comes back. All its state but the table
// belongs to the goroutine of run.
type runner struct {
	*wire.Hops
	cfg *Config
	x   *explorer

	sent      []*sending   // by the number of the transmission
	hops      map[int]*hop // by TTL
	wanted    []want       // by the latest graph
	changed   bool         // something came back since, or was given up
	small     bool         // probes leave without options: they were too large
	opened    bool         // the target has accepted: SYNs without an answer may be half open there
	nearest   int          // the lowest TTL at which the target answered, 0 none
	longest   time.Duration
	settle    time.Duration // until when something better than an RST may come
	next      time.Duration // when the next probe may leave
	looked    time.Duration // when progress was told
	refusals  int
	best      *sending       // whose outcome is the verdict
	persisted bool           // the last SYN was sent once more
	failed    *probe.Verdict // of a target for which nothing could be sent
}

// sending is a transmission and the attempt that it is.
type sending struct {
	*wire.Transmission
	pair    *pair
	attempt *attempt
}

// shortest is the least wait for an answer.
const shortest = 250 * time.Millisecond

func newRunner(n probe.Network, cfg *Config) (*runner, error) {
	x, err := wire.NewHops(n, wire.Look{Profile: cfg.Profile, TOS: cfg.TOS, Key: cfg.Key}, cfg.Target, cfg.Rate)
	if err != nil {
		return nil, err
	}
	r := &runner{Hops: x, cfg: cfg, hops: map[int]*hop{}, changed: true}
	r.Accept, r.Probing = r.accept, r.probing
	r.x = newExplorer(cfg.Target.Addr().WithZone(""), cfg.MaxHops, len(n.Ports()), cfg.Queries, cfg.Confidence)
	for _, port := range cfg.Flows {
		if !slices.Contains(n.Ports(), port) {
			return nil, fmt.Errorf("paths: source port %d is not held", port)
		}
		r.x.flows = append(r.x.flows, &flow{id: len(r.x.flows), port: port})
		r.x.follows = true
	}
	r.x.trust = func(ttl int) bool { return r.hop(ttl).silenceCounts() }
	return r, nil
}

func (r *runner) run(ctx context.Context) error {
	r.Run(ctx, r.WarmUp, func(in *wire.Receiver) (more bool) {
		r.expire(in)
		r.decide()
		r.fill()
		r.persist()
		r.progress()
		return !r.finished()
	}, r.wakeUp)
	return cmp.Or(r.Failure, r.interrupted())
}

func (r *runner) interrupted() error {
	if r.Stopping && (len(r.wanted) > 0 || r.changed) {
		return probe.ErrInterrupted
	}
	return nil
}

// decide asks the explorer what to send, where something has changed.
func (r *runner) decide() {
	if r.changed && !r.Warming() {
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

// idle reports whether there is nothing to send and nothing to wait for.
func (r *runner) idle() bool {
	return !r.Warming() && r.Flying.Waiting() == nil && r.Responses.Waiting() == 0 && r.Now >= r.settle && len(r.wanted) == 0 && !r.changed
}

// persist sends the latest of the SYNs with the most hops once more at the end, where nothing has
// come from the target (probe/internal/wire/same.go says why). What answers it says what the port
// is, and not by which path.
func (r *runner) persist() {
	if r.persisted || r.failed != nil || r.nearest > 0 || !r.idle() {
		return
	}
	var first, last *wire.Transmission
	for _, p := range r.sent {
		if p != nil && first == nil {
			first = p.Transmission
		}
		if p != nil && (last == nil || p.TTL >= last.TTL) {
			last = p.Transmission
		}
	}
	switch {
	case !r.MayPersist(last, r.cfg.Timeout):
	case r.Now < last.Tx.Sent+wire.SYNRTO:
		r.settle = last.Tx.Sent + wire.SYNRTO
	default:
		r.persisted = true
		r.Persist(last)
		r.settle = max(r.Now+r.cfg.Timeout, first.Tx.Sent+wire.UnresolvedAfter)
	}
}

func (r *runner) finished() bool {
	if r.failed != nil {
		return true
	}
	if r.Warming() || r.Flying.Waiting() != nil || r.Responses.Waiting() > 0 || r.Now < r.settle && !r.Stopping {
		return false
	}
	return r.Stopping || len(r.wanted) == 0 && !r.changed
}

// ready is the first of what is wanted that is to be sent now; -1: nothing.
func (r *runner) ready() int {
	return slices.IndexFunc(r.wanted, func(w want) bool { return r.hop(w.ttl).ready(w) <= r.Now })
}

// probing reports whether a probe is to be sent now.
func (r *runner) probing() bool {
	return r.failed == nil && r.Now >= r.next && r.Ready() && r.ready() >= 0
}

// fill sends what may be sent now.
func (r *runner) fill() {
	defer r.Respond()
	for r.failed == nil && r.Now >= r.next && r.MaySend() {
		i := r.ready()
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
	if err := r.Transmit(s, w.flow.port); err != nil {
		r.refused(w, err)
		return
	}
	r.refusals = 0
	r.sent = append(r.sent, make([]*sending, s.ID+1-len(r.sent))...)
	a := r.x.begin(w)
	r.sent[s.ID] = &sending{s, w.flow.pair(w.ttl), a}
	r.hop(w.ttl).sent(w, r.Now)
	r.Flying.Push(s)
	attempt := 0
	if w.why == forLost {
		attempt = 1
	}
	r.Counters.Departed(attempt, r.Now)
	r.Outage.End()
	r.next = r.Now + wire.Spacing
}

// refused waits before the kernel is asked again. What it never takes ends the
// run.
func (r *runner) refused(w want, err error) {
	r.Outage.Note(err, r.Now)
	if r.Outage.Certain(r.Now) {
		r.Fail(r.Outage.Error())
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
		r.failed, r.Counters.Refusal = &v, err
		return
	}
	r.Fail(fmt.Errorf("paths: %w", err))
}

// wakeUp is the time until which nothing is due.
func (r *runner) wakeUp() time.Duration {
	wake := r.WakeUp(r.Now + wire.LookEvery)
	if s := r.Flying.Waiting(); s != nil {
		wake = min(wake, r.deadline(s))
	}
	if r.settle > r.Now {
		wake = min(wake, r.settle)
	}
	if !r.Stopping {
		for _, w := range r.wanted {
			if at := r.hop(w.ttl).ready(w); at != never {
				wake = min(wake, max(at, r.next, r.Pace.WakeUp(), r.Now+wire.Spacing))
			}
		}
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
		r.hops[ttl] = &hop{lost: map[*pair]time.Duration{}, aside: map[*pair]time.Duration{}}
	}
	return r.hops[ttl]
}
