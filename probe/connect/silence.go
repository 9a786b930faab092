package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A host that answers may stop doing so while it is scanned, and that looks like ports
// that are filtered. So no silence of such a host is believed until the host has answered
// a connect that was begun after it: as in package scan (watch.go), a port that has
// answered is asked again, the witness, and the verdicts wait for it. A connect begun while
// the silent one lasted proves nothing: nobody knows when within that time the kernel sent
// the latter's SYNs, which may have waited for a processor, a port or a route.

const (
	// longestWatch is how long a host may be silent until it is given up, and where as much is lost as keeps its
	// answers away for so long more often than by atRandom, longestLossyWatch.
	longestWatch, longestLossyWatch = 10 * time.Second, 30 * time.Second
	atRandom                        = 1e-4

	witnessPause = 250 * time.Millisecond // between two questions, whether answered or not
	witnessWait  = time.Second            // for one connect: the kernel sends the SYN once
)

// errWentSilent is why a port is unknown that was asked for in vain, or not at all.
var errWentSilent = errors.New("the host answers nothing any more, not even on a port that had answered")

// watch is what is remembered of a host that has answered.
type watch struct {
	witness  netip.AddrPort // a port that has answered, an open one if there is one
	open     bool           // the witness is
	vouched  time.Time      // when the latest connect began that was answered
	since    time.Time      // when the witness was asked first; zero: it is not
	asked    time.Time      // when it was asked last
	failures int            // of the witness since then
	lasted   time.Duration  // how long it was silent when it was given up
	answers  int            // connects that were answered
	syns     int            // that it was sent for these
	held     []dialled
	gaps     []gap // the latest
	gone     bool
}

// gap is a time in which a host did not answer.
type gap struct{ from, to time.Time }

// wasAway tells whether the host was away at some time of a connect.
func (w *watch) wasAway(v dialled) bool {
	return slices.ContainsFunc(w.gaps, func(g gap) bool { return v.ended().After(g.from) && v.began.Before(g.to) })
}

// sign is what a witness said to a connect.
type sign struct {
	host    netip.Addr
	began   time.Time
	answers bool
	syns    int // that it was sent
}

// watches are those of a run. All but gone is for its one goroutine.
type watches struct {
	of     map[netip.Addr]*watch
	signs  chan sign
	again  chan dialled // of targets that were dialled once more
	asking int
	redial int
	gone   sync.Map // addresses that were given up
	silent uint64   // ports that are unknown for it
}

func newWatches() watches {
	return watches{of: map[netip.Addr]*watch{}, signs: make(chan sign), again: make(chan dialled)}
}

// busy tells whether a witness is being asked, or a target dialled once more.
func (t *watches) busy() bool { return t.asking+t.redial > 0 }

// allSilent tells whether every host that had answered was given up.
func (t *watches) allSilent() bool {
	for _, w := range t.of {
		if !w.gone {
			return false
		}
	}
	return t.silent > 0
}

// answered tells whether the host itself said what the verdict is.
func answered(v *probe.Verdict) bool {
	return v.Reason == probe.ReasonConnected || v.Reason == probe.ReasonConnReset || v.Reason == probe.ReasonConnRefused
}

// take delivers a verdict, unless it has to wait for a witness.
func (c *run) take(ctx context.Context, v dialled) error {
	w := c.watches.of[v.Target.Addr()]
	switch {
	case errors.Is(v.Err, probe.ErrNetworkDown):
		return cmp.Or(c.deliver(v), v.Err)
	case answered(&v.Verdict):
		c.vouch(ctx, w, &v)
	case w == nil || v.Reason != probe.ReasonNoResponse:
	case ctx.Err() == nil && w.wasAway(v):
		c.redialAll(ctx, []dialled{v})
		return nil
	case !w.vouched.Before(v.ended()):
	case w.gone:
		v.Verdict = wentSilent(v.Verdict)
	case ctx.Err() != nil:
		v.State, v.Reason = probe.StateUnknown, probe.ReasonInterrupted
	default:
		w.held = append(w.held, v)
		if w.since.IsZero() {
			w.since, w.failures = time.Now(), 0
			c.ask(ctx, w, time.Until(w.asked.Add(witnessPause)))
		}
		return nil
	}
	return c.deliver(v)
}

// vouch notes that a host has answered.
func (c *run) vouch(ctx context.Context, w *watch, v *dialled) {
	if w == nil {
		w = &watch{}
		c.watches.of[v.Target.Addr()] = w
	}
	w.answers, w.syns = w.answers+1, w.syns+max(v.Attempts, 1)
	if open := v.State == probe.StateOpen; !w.witness.IsValid() || open && !w.open {
		w.witness, w.open = v.Target, open
	}
	if !w.since.IsZero() && v.began.After(w.since) && w.failures > 0 {
		c.cameBack(ctx, w, v.began)
	}
	if v.began.After(w.vouched) {
		w.vouched = v.began
	}
	if w.gone {
		w.gone = false
		c.watches.gone.Delete(v.Target.Addr())
	}
}

// ask connects to the witness after a pause; what it says comes to signs.
func (c *run) ask(ctx context.Context, w *watch, pause time.Duration) {
	c.watches.asking++
	witness := w.witness
	w.asked = time.Now().Add(max(pause, 0))
	go func() {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		s := sign{host: witness.Addr(), began: time.Now()}
		h, err := c.dials.Dial(ctx, c.dialer, witness, witnessWait)
		v := wire.JudgeConnect(witness, h, err)
		if s.answers = answered(&v); v.Err == nil {
			s.syns = 1 + h.Retransmits
		}
		c.watches.signs <- s
	}()
}

// heed draws from what a witness said what becomes of the verdicts that wait.
func (c *run) heed(ctx context.Context, s sign) error {
	c.watches.asking--
	c.sent(s.syns)
	w := c.watches.of[s.host]
	switch {
	case w.since.IsZero(): // it has answered something else meanwhile
		return nil
	case s.answers:
		if w.failures > 0 {
			c.cameBack(ctx, w, s.began)
		}
		w.vouched = s.began
	case ctx.Err() == nil && !w.watchedLong():
		w.failures++
		c.ask(ctx, w, witnessPause)
		return nil
	case ctx.Err() == nil:
		w.gone, w.lasted = true, time.Since(w.since)
		c.watches.gone.Store(s.host, true)
	}
	for _, v := range w.release() {
		if err := c.take(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// watchedLong tells whether a host has kept silent for so long that it is given up.
func (w *watch) watchedLong() bool {
	silent := time.Since(w.since)
	if silent < longestWatch || silent >= longestLossyWatch {
		return silent >= longestWatch
	}
	return math.Pow(w.likelyLoss(), float64(w.failures+1)) < atRandom
}

// likelyLoss is the share of SYNs that go unanswered, as it may well be where few answers tell of it.
func (w *watch) likelyLoss() float64 {
	return (float64(w.syns-w.answers) + 0.5) / float64(w.syns+1)
}

// cameBack ends a time in which a host was away: what it did not answer then says
// nothing, and is dialled once more.
func (c *run) cameBack(ctx context.Context, w *watch, began time.Time) {
	w.gaps = append(w.gaps[max(0, len(w.gaps)-3):], gap{w.vouched, began})
	c.redialAll(ctx, w.release())
}

// release is what was held, and ends the suspicion.
func (w *watch) release() []dialled {
	held := w.held
	w.held, w.since = nil, time.Time{}
	return held
}

// redialAll dials targets once more, a few at a time, and counts what they were sent before.
func (c *run) redialAll(ctx context.Context, held []dialled) {
	c.watches.redial += len(held)
	for i := range held {
		c.sent(held[i].Attempts)
	}
	places := make(chan struct{}, wire.MostConnections/4)
	go func() {
		for _, v := range held {
			places <- struct{}{}
			go func() {
				c.watches.again <- c.dial(ctx, v.Target)
				<-places
			}()
		}
	}()
}

func wentSilent(v probe.Verdict) probe.Verdict {
	v.State, v.Reason, v.Err = probe.StateUnknown, probe.ReasonWentSilent, errWentSilent
	return v
}

// tell adds what is to be said of the hosts that were given up.
func (t *watches) tell(all hosts) {
	for a, w := range t.of {
		if !w.gone {
			continue
		}
		all[a].Findings = append(all[a].Findings, probe.Finding{
			Code: "went-silent", Severity: probe.SeverityWarning,
			Text: "the host answered, and then nothing any more, not even on a port that had answered: it is off or away, " +
				"or something drops what we send since; its ports that are unknown have to be probed again",
			Evidence: fmt.Sprintf("port %d, which had answered, kept silent for %v", w.witness.Port(), w.lasted.Round(time.Second)),
		})
	}
}
