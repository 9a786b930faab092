package discover

import (
	"math"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A host that answers one question alone is missed where that is lost. How many are, no silence
// tells: it may be a filter's, or nobody's. So some of the hosts that have answered a question are
// asked the same twice more, and where these answers do not come, hosts that kept silent get
// more rounds.

const (
	// moreRounds may be added to the usual ones.
	moreRounds = 3
	// checks are how often a host that has answered is asked again.
	checks = 2
	// mostChecked hosts tell enough of the loss.
	mostChecked = 24
	// overlooked is the share of the hosts that answer one question alone which may be lost.
	overlooked = 0.02
	// Of a network of which nothing is known so much is lost, for which so many checks count.
	priorLoss, priorWeight = 0.02, 2
)

// allAttempts are those of the rounds and of the checks.
const allAttempts = rounds + moreRounds + checks

// check is what one host was asked again.
type check struct {
	host     *host
	segment  segment
	asked    time.Duration
	answered [checks]bool
}

// asksAgain has a host that has answered asked the same again, if more has to be known of the
// loss.
func (e *engine) asksAgain(h *host, ev *wire.Event) {
	if len(e.checks) >= mostChecked {
		return
	}
	for _, s := range h.segmentsOf(ev.Attempt) {
		if s.answeredBy(ev) {
			e.check(h, s)
			return
		}
	}
}

func (e *engine) check(h *host, s segment) {
	for k := range checks {
		b, err := e.packet(h, s, rounds+moreRounds+k)
		if err == nil {
			_, err = e.Network.Send([][]byte{b})
		}
		if err != nil {
			return
		}
		e.Counters.Departed(1, e.Now)
	}
	e.Pace.Spend(checks)
	e.checks[h.key] = &check{host: h, segment: s, asked: e.Now}
}

// checked takes in the answer to a check, and tells whether it is one.
func (e *engine) checked(ev *wire.Event) bool {
	c := e.checks[wire.AsCarried(ev.Target.Addr(), ev.Link)]
	k := ev.Attempt - rounds - moreRounds
	if c == nil || k < 0 || k >= checks || c.answered[k] || !ev.Kind.Verified() || !c.segment.answeredBy(ev) || !ev.ArrivedAt(c.host.source) {
		return false
	}
	c.answered[k] = true
	return true
}

// forgetChecks are those whose answers may have come while nobody looked.
func (e *engine) forgetChecks(before time.Duration) {
	for a, c := range e.checks {
		if c.asked+e.patience() > before && c.answered != [checks]bool{true, true} {
			delete(e.checks, a)
		}
	}
}

// checkLosses is how many checks were decided, and how many of these lost.
func (e *engine) checkLosses() (l probe.HostLoss) {
	for _, c := range e.checks {
		for _, answered := range c.answered {
			switch {
			case answered:
				l.Sent++
			case c.asked+e.patience() <= e.Now:
				l.Sent, l.Unanswered = l.Sent+1, l.Unanswered+1
			}
		}
	}
	return l
}

// roundsWorth is how many rounds a host gets, by what share of the checks was lost: where any
// was, by one standard error more.
func (e *engine) roundsWorth() int {
	l := e.checkLosses()
	share := (float64(l.Unanswered) + priorLoss*priorWeight) / float64(l.Sent+priorWeight)
	if l.Unanswered > 0 {
		share += math.Sqrt(share * (1 - share) / float64(l.Sent))
	}
	asked := math.Ceil(math.Log(overlooked) / math.Log(min(share, 0.9)))
	return rounds + min(max(int(asked)-1, 0), moreRounds)
}
