package scan

import (
	"time"

	"synscope/probe/internal/limit"
)

// A limit may end during the run, and what was taken for one may have been something else, such as
// a host that was away for a moment. So from time to time the witnesses are asked at a higher pace
// while nothing else is sent. If they answer, the run goes on at that pace, at most at the one
// before the limit was found; ports that were asked meanwhile are not asked again.

const (
	// leastKept is for how long a pace is kept to before a higher one is tried; twice as long after each that fails.
	leastKept = 4 * time.Second
	// mostKept bounds that, and soonKept is how long after one that passes the next is.
	mostKept, soonKept = time.Minute, 500 * time.Millisecond
	// longLeft is for how long a run has to last at the pace that is kept to, for a higher one to be tried.
	longLeft = 8 * time.Second
)

// higher is the search for a higher pace than the one that is kept to.
type higher struct {
	found  *limit.Trial  // the pace that is kept to while a higher one is tried; nil: none is
	due    time.Duration // when the next is tried
	wait   time.Duration // since the latest
	raised time.Duration // when one was found to pass; 0: none was, or less has passed since
}

// next has the next one be tried a while later.
func (h *higher) next(now, wait time.Duration) { h.wait, h.due = wait, now+wait }

// lowered takes note of a lower pace, and tells since when the one before it was tried; 0: it was the first.
func (h *higher) lowered(now time.Duration) (since time.Duration) {
	since, h.raised = h.raised, 0
	if h.wait = max(leastKept, h.wait); since > 0 {
		h.wait = min(4*h.wait, mostKept)
	}
	h.due = now + h.wait
	return since
}

// mayBeOver tells whether it is time to find out whether a limit is over.
func (e *engine) mayBeOver(s *slowdown) bool {
	return e.Now >= s.higher.due && s.higher.due > 0 && !e.Stopping && s.asks.Room() > 2*limit.Tells &&
		float64(e.leftToAsk(s)) > s.trial.Rate()*longLeft.Seconds()
}

func (e *engine) beginHigher(s *slowdown) {
	s.higher.found, s.trial = s.trial, s.trial.Higher(s.full)
	s.state, s.due = paceTrying, e.Now
	if s.host == nil {
		e.Pace.Ask(s.trial.Rate())
	}
}

// followHigher keeps to the higher pace if that passes, or to the one before.
func (e *engine) followHigher(s *slowdown) {
	passes, known := s.trial.Passes(e.Now, e.trialWait(s))
	h := &s.higher
	switch {
	case !known && !e.Stopping && s.asks.Room() > 0:
		return
	case passes:
		if h.raised == 0 {
			h.raised = e.Now
		}
		h.due = e.Now + soonKept
	default:
		s.trial = h.found
		s.trial.Forget()
		h.next(e.Now, min(2*h.wait, mostKept))
	}
	h.found, s.state = nil, paceLimited
	e.paceBy(s)
}

// paceBy paces by what is known to pass now.
func (e *engine) paceBy(s *slowdown) {
	over := s.trial.Rate() >= s.full
	switch {
	case s.host == nil && over:
		s.state, e.Ramp = paceFull, e.ramp
		e.Pace.Ask(e.Ramp.Rate)
	case s.host == nil:
		e.Pace.Ask(s.trial.Rate())
	case over:
		*s.host.limiter() = limiter{changed: e.Now, epoch: e.Now}
		e.endTrial(s, paceFull)
	default:
		l := s.host.limiter()
		l.rate, l.due = s.trial.Rate(), e.Now
		e.releaseHeld(s)
	}
}
