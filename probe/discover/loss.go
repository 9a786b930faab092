package discover

import (
	"math"
	"time"

	"synscope/internal/binomial"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A host that answers one question alone is missed where that is lost. How much is lost, no
// silence tells: it may be a filter's, or nobody's. So some of the hosts that have answered a
// question are asked the same twice more, and where these trials are not answered, hosts that
// kept silent get more rounds.

const (
	// moreRounds may be added to the usual ones.
	moreRounds = 3
	// trials are how often a host that has answered is asked the same.
	trials = 2
	// mostTried hosts tell enough of the loss.
	mostTried = 24
	// overlooked is the share of the hosts that answer one question alone which may be missed.
	overlooked = 0.02
	// priorLoss is the loss of a network of which nothing is known, worth priorTrials trials.
	priorLoss, priorTrials = 0.02, 2
)

// allAttempts are those of the rounds and of the trials.
const allAttempts = rounds + moreRounds + trials

// SourcePorts is how many source ports tell all segments to a port of a host apart: two of
// the same would meet as one connection there.
const SourcePorts = allAttempts

// lossTrial is what one host was asked again.
type lossTrial struct {
	host     *host
	segment  segment
	sent     time.Duration
	answered [trials]bool
}

// tryLoss asks a host what it has just answered, if more has to be known of the loss.
func (e *engine) tryLoss(h *host, ev *wire.Event) {
	if len(e.lossTrials) >= mostTried {
		return
	}
	for _, s := range h.segmentsOf(ev.Attempt) {
		if s.answeredBy(ev) {
			e.sendTrials(h, s)
			return
		}
	}
}

func (e *engine) sendTrials(h *host, s segment) {
	for k := range trials {
		b, err := e.packet(h, s, rounds+moreRounds+k)
		if err == nil {
			_, err = e.Network.Send([][]byte{b})
		}
		if err != nil {
			return
		}
		e.Counters.Departed(1, e.Now)
	}
	e.Pace.Spend(trials)
	e.lossTrials[h.key] = &lossTrial{host: h, segment: s, sent: e.Now}
}

// answersTrial takes in the answer to a trial, and tells whether it is one.
func (e *engine) answersTrial(ev *wire.Event) bool {
	l := e.lossTrials[wire.AsCarried(ev.Target.Addr(), ev.Link)]
	k := ev.Attempt - rounds - moreRounds
	if l == nil || k < 0 || k >= trials || l.answered[k] || !ev.Kind.Verified() || !l.segment.answeredBy(ev) || !ev.ArrivedAt(l.host.source) {
		return false
	}
	l.answered[k] = true
	return true
}

// forgetTrials are those whose answers may have come while nobody listened.
func (e *engine) forgetTrials(since time.Duration) {
	for a, l := range e.lossTrials {
		if l.sent+e.patience() > since && l.answered != [trials]bool{true, true} {
			delete(e.lossTrials, a)
		}
	}
}

// loss is how many trials are over, and how many of these were not answered.
func (e *engine) loss() (l probe.HostLoss) {
	for _, one := range e.lossTrials {
		for _, answered := range one.answered {
			switch {
			case answered:
				l.Sent++
			case one.sent+e.patience() <= e.Now:
				l.Sent, l.Unanswered = l.Sent+1, l.Unanswered+1
			}
		}
	}
	return l
}

// worthRounds is how many rounds a host gets, by the share of the trials that was lost: where any
// was, by two standard errors more: one in six estimates is further off than by one.
func (e *engine) worthRounds() int {
	l := e.loss()
	share := (float64(l.Unanswered) + priorLoss*priorTrials) / float64(l.Sent+priorTrials)
	if l.Unanswered > 0 {
		share += 2 * math.Sqrt(share*(1-share)/float64(l.Sent))
	}
	return rounds + min(binomial.Trials(min(share, 0.9), overlooked)-1, moreRounds)
}
