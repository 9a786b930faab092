package discover

import (
	"math"
	"time"

	"synscope/internal/binomial"
	"synscope/probe"
	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// A host that answers one question alone is missed where that is lost. How much is lost, no
// silence tells: it may be a filter's, or nobody's. So some of the hosts that have answered a
// question are asked the same again, and where these trials are not answered, hosts that
// kept silent get more rounds, or a lower pace (limit.go).

const (
	// moreRounds may be added to the usual ones.
	moreRounds = 3
	// trials are how often a host that has answered is asked the same at once.
	trials = 2
	// mostTried hosts tell enough of the loss.
	mostTried = 24
	// mostTrials are how often one is asked the same at most, and mostBeside among others.
	mostTrials, mostBeside = 32, 8
	// overlooked is the share of the hosts that answer one question alone which may be missed.
	overlooked = 0.02
	// priorLoss is the loss of a network of which nothing is known, worth priorTrials trials.
	priorLoss, priorTrials = 0.02, 2

	// trialEvery packets one trial is among the others, and where many packets have left every
	// trialShare of these: a bucket lets the first through.
	trialEvery, trialShare = 32, 16
	// fewTrials are waited for.
	fewTrials = 8
)

// allAttempts are those of the rounds and of the trials.
const allAttempts = rounds + moreRounds + limit.Tuples

// SourcePorts is how many source ports tell all segments to a port of a host apart: two of
// the same would meet as one connection there.
const SourcePorts = allAttempts

// witness is a host that has answered, and what it is asked again.
type witness struct {
	host    *host
	segment segment
}

// tryLoss asks a host what it has just answered, if more has to be known of the loss.
func (e *engine) tryLoss(h *host, ev *wire.Event) {
	if len(e.witnesses.List()) >= mostTried {
		return
	}
	for _, s := range h.segmentsOf(ev.Attempt) {
		if s.answeredBy(ev) {
			w := e.witnesses.Add(witness{host: h, segment: s})
			if e.slow.state == paceFull {
				e.sendTrials(w)
			}
			return
		}
	}
}

func (e *engine) sendTrials(w *limit.Witness[witness]) {
	sent := 0
	for range trials {
		if !e.sendTrial(w, -1) {
			break
		}
		sent++
	}
	e.Booked(sent)
}

// sendTrial asks a witness once more, and tells whether that has left.
func (e *engine) sendTrial(w *limit.Witness[witness], number int) bool {
	b, err := e.packet(w.Of.host, w.Of.segment, rounds+moreRounds+w.Next())
	if err == nil {
		_, err = e.Network.Send([][]byte{b})
	}
	if err != nil {
		return false
	}
	e.Counters.Departed(1, e.Now)
	e.witnesses.Left(w, number, e.Now)
	e.trialDue = e.Counters.Sent + max(trialEvery, e.Counters.Sent/trialShare)
	return true
}

// tryBeside asks a witness among others where it is time for that, and tells whether it did.
func (e *engine) tryBeside() bool {
	if e.Counters.Sent < e.trialDue || e.slow.state != paceFull {
		return false
	}
	w := e.witnesses.Least(mostBeside)
	return w != nil && e.sendTrial(w, -1)
}

// answersTrial takes in the answer to a trial, and tells whether it is one.
func (e *engine) answersTrial(ev *wire.Event) bool {
	k := ev.Attempt - rounds - moreRounds
	if k < 0 {
		return false
	}
	a := wire.AsCarried(ev.Target.Addr(), ev.Link)
	for _, w := range e.witnesses.List() {
		of := &w.Of
		if of.host.key != a || k >= w.Asked() || !ev.Kind.Verified() || !of.segment.answeredBy(ev) || !ev.ArrivedAt(of.host.source) {
			continue
		}
		number, _, ok := e.witnesses.Answered(w, k, 0, e.Now)
		if ok && number >= 0 {
			e.slow.trial.Answer(number)
		}
		return ok
	}
	return false
}

// forgetTrials are those whose answers may have come while nobody listened.
func (e *engine) forgetTrials(since time.Duration) {
	e.witnesses.Void(since, e.patience())
	if e.slow.trial != nil {
		e.slow.trial.Forget()
	}
}

// loss is that of all trials, and at a lower pace that of those at it.
func (e *engine) loss() probe.HostLoss {
	asked, lost := e.witnesses.Loss(e.Now, e.patience())
	return probe.HostLoss{Sent: uint64(asked), Unanswered: uint64(lost)}
}

// awaitsTrials tells whether few trials are over and others are not: what silence is worth
// they tell.
func (e *engine) awaitsTrials() bool {
	return e.witnesses.Awaited(e.Now, e.patience()) && e.loss().Sent < fewTrials
}

// worthRounds is how many rounds a host gets, by the share of the trials that was lost: where any
// was, by two standard errors more: one in six estimates is further off than by one.
func (e *engine) worthRounds(h *host) int {
	usual := rounds
	if h.from > 0 {
		usual = h.from + 1 // which asks all
	}
	l := e.loss()
	share := (float64(l.Unanswered) + priorLoss*priorTrials) / float64(l.Sent+priorTrials)
	if l.Unanswered > 0 {
		share += 2 * math.Sqrt(share*(1-share)/float64(l.Sent))
	}
	if e.slow.state == paceTooLow {
		share = 0
	}
	return min(usual+binomial.Trials(min(share, 0.9), overlooked)-1, rounds+moreRounds)
}
