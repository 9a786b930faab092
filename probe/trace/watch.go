package trace

import (
	"cmp"
	"context"
	"fmt"
	"time"

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
// A nil sink is told of nothing. Cancelling ctx ends the run as Quit does, but with [probe.ErrInterrupted]. Other
// errors are those of [Run].
func Watch(ctx context.Context, network probe.Network, cfg WatchConfig, sink func(Hop) error) (Path, error) {
	if err := cfg.completeWatch(); err != nil {
		return Path{}, err
	}
	if err := wire.Check("trace", network, cfg.Rate, 0); err != nil {
		return Path{}, err
	}
	w, err := newWatcher(network, &cfg, wire.Told(sink))
	if err != nil {
		return Path{Verdict: wire.NoWay(cfg.Target, err)}, err
	}
	err = w.run(ctx)
	return w.result(err), err
}

func (c *WatchConfig) completeWatch() error {
	c.Queries = 1
	if err := c.complete(); err != nil {
		return err
	}
	c.Interval = cmp.Or(c.Interval, DefaultInterval)
	if c.Interval < MinInterval {
		return fmt.Errorf("trace: a round every %v: at least %v lie between two", c.Interval, MinInterval)
	}
	return nil
}

// watcher runs one watch. All its state but the table belongs to the goroutine of
// run.
type watcher struct {
	*wire.Hops
	cfg  *WatchConfig
	sink func(Hop) error

	round   uint64        // the latest that has begun
	began   time.Duration // when
	ttl     int           // of the round's next probe; 0: the round is sent
	reach   int           // where the way ended, in the rounds before; 0: it has not
	proved  bool          // by the target itself
	routers int           // the highest TTL at which a router answered
	beyond  int           // rounds in a row in which nothing came from where the way ended
	next    time.Duration
	opened  bool   // the target has accepted
	since   uint64 // the round in which it was first seen to
	losing  bool   // a probe to where the way ends was lost
	closed  []closed
	half    []*wire.Transmission // that the target is half open for, their SYN-ACKs lost
	port    int                  // which further rounds leave from
	best    *wire.Transmission
	latest  *wire.Transmission // that was sent
	refused int
	small   bool
	failed  *probe.Verdict
}

func newWatcher(n probe.Network, cfg *WatchConfig, sink func(Hop) error) (*watcher, error) {
	x, err := wire.NewHops(n, wire.Look{Profile: cfg.Profile, TOS: cfg.TOS, Key: cfg.Key}, cfg.Target, cfg.Rate)
	if err != nil {
		return nil, err
	}
	w := &watcher{Hops: x, cfg: cfg, sink: sink}
	w.Accept, w.Quit, w.Probing = w.accept, cfg.Quit, w.probing
	return w, nil
}

func (w *watcher) run(ctx context.Context) error {
	w.Run(ctx, w.WarmUp, func(r *wire.Receiver) (more bool) {
		w.expire(r)
		w.fill(r)
		return !w.finished()
	}, w.wakeUp)
	if w.Failure == nil && w.Stopping && !w.over() {
		return probe.ErrInterrupted
	}
	return w.Failure
}

// over tells whether no further round is to come, and the last is sent.
func (w *watcher) over() bool {
	return w.Quitting || w.cfg.Rounds > 0 && w.round >= w.cfg.Rounds && w.ttl == 0
}

func (w *watcher) finished() bool {
	if w.failed != nil {
		return true
	}
	return (w.over() || w.Stopping) && w.Flying.Waiting() == nil && len(w.half) == 0 && w.Responses.Waiting() == 0
}

// wakeUp is the time until which nothing is due.
func (w *watcher) wakeUp() time.Duration {
	wake := w.WakeUp(w.Now + wire.Idle)
	if s := w.Flying.Waiting(); s != nil {
		wake = min(wake, s.Tx.Sent+w.cfg.Timeout)
	}
	if until := w.giveUp(); until > 0 {
		wake = min(wake, until)
	}
	if !w.Stopping && !w.over() {
		wake = min(wake, max(w.due(), w.Pace.WakeUp(), w.Now+wire.Spacing))
	}
	return wake
}

// answeredLate says why a port is what it is although all probes to it are shown as lost.
var answeredLate = probe.Finding{
	Code: "answered-late", Severity: probe.SeverityNotice,
	Text: "the port answered after the time of its probes, or only the same SYN once more: that decides what it is, and its hop counts those probes as lost; " +
		"a longer --timeout takes late answers in",
}

// result is the watch as a whole.
func (w *watcher) result(err error) Path {
	v := probe.Verdict{Target: w.cfg.Target, State: w.Matcher.Tech.Silence, Reason: probe.ReasonNoResponse}
	switch {
	case w.failed != nil:
		v = *w.failed
	case w.best != nil && w.best.Outcome.Rank >= w.Said.Outcome.Rank:
		v = w.best.Outcome.Verdict(w.Matcher.Tech, w.cfg.Target)
		v.Attempts = 1
		v = w.Said.Annotate(v)
	case w.Said.Outcome.Best != nil:
		v = w.Said.Verdict(v, w.Matcher.Tech)
		if !w.Said.Outcome.Doubtful() {
			v.Findings = wire.Noting(v.Findings, answeredLate)
		}
	case err != nil:
		v.State, v.Reason, v.Err = probe.StateUnknown, probe.ReasonInterrupted, err
	default:
		v.Attempts = int(w.round)
		v = w.Said.Annotate(v)
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
