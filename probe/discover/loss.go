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
// question are asked the same again, and where these trials are not answered, hosts that
// kept silent get more rounds, or a lower pace (limit.go).

const (
	// moreRounds may be added to the usual ones.
	moreRounds = 3
	// trials are how often a host that has answered is asked the same at once.
	trials = 2
	// mostTried hosts tell enough of the loss.
	mostTried = 24
	// mostTrials are how often one is asked the same at most, and trialTuples how many of these
	// differ: those beyond are retransmissions, since a SYN of other numbers is not answered
	// where the SYN-ACK to the one before was lost.
	mostTrials  = 32
	trialTuples = 8
	// overlooked is the share of the hosts that answer one question alone which may be missed.
	overlooked = 0.02
	// priorLoss is the loss of a network of which nothing is known, worth priorTrials trials.
	priorLoss, priorTrials = 0.02, 2

	// trialEvery packets one trial is among the others, and where many packets have left every
	// trialShare of these: a bucket lets the first through.
	trialEvery, trialShare = 32, 16
	// lately are the trials that tell of the loss of now, and fewTrials are waited for.
	lately, fewTrials = 24, 8
)

// allAttempts are those of the rounds and of the trials.
const allAttempts = rounds + moreRounds + trialTuples

// SourcePorts is how many source ports tell all segments to a port of a host apart: two of
// the same would meet as one connection there.
const SourcePorts = allAttempts

// witness is a host that has answered, and what it is asked again.
type witness struct {
	host    *host
	segment segment
	asked   int              // how often
	latest  [trialTuples]int // trials, as numbered by lossTrials
}

// lossTrial is one question to a witness.
type lossTrial struct {
	sent     time.Duration
	answered bool
	void     bool // nobody listened for the answer
	number   int  // of the pace's trial; -1: of none
}

// lossTrials are all of them.
type lossTrials struct {
	all       []lossTrial // in the order in which they left
	witnesses []*witness
	turn      int
	next      uint64 // as of so many packets one is due
}

// tryLoss asks a host what it has just answered, if more has to be known of the loss.
func (e *engine) tryLoss(h *host, ev *wire.Event) {
	if len(e.lossTrials.witnesses) >= mostTried {
		return
	}
	for _, s := range h.segmentsOf(ev.Attempt) {
		if s.answeredBy(ev) {
			w := &witness{host: h, segment: s}
			e.lossTrials.witnesses = append(e.lossTrials.witnesses, w)
			if e.slow.state == paceFull {
				e.sendTrials(w)
			}
			return
		}
	}
}

func (e *engine) sendTrials(w *witness) {
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
func (e *engine) sendTrial(w *witness, number int) bool {
	k := w.asked % trialTuples
	b, err := e.packet(w.host, w.segment, rounds+moreRounds+k)
	if err == nil {
		_, err = e.Network.Send([][]byte{b})
	}
	if err != nil {
		return false
	}
	e.Counters.Departed(1, e.Now)
	l := &e.lossTrials
	w.asked, w.latest[k] = w.asked+1, len(l.all)
	l.all = append(l.all, lossTrial{sent: e.Now, number: number})
	l.next = e.Counters.Sent + max(trialEvery, e.Counters.Sent/trialShare)
	return true
}

// least is the witness that is to be asked next, nil if none may be any more.
func (l *lossTrials) least() *witness {
	for range l.witnesses {
		w := l.witnesses[l.turn%len(l.witnesses)]
		if l.turn++; w.asked < mostTrials {
			return w
		}
	}
	return nil
}

// room is how many trials there may be yet.
func (l *lossTrials) room() (n int) {
	for _, w := range l.witnesses {
		n += mostTrials - w.asked
	}
	return n
}

// tryBeside asks a witness among others where it is time for that, and tells whether it did.
func (e *engine) tryBeside() bool {
	if e.Counters.Sent < e.lossTrials.next || e.slow.state != paceFull || len(e.lossTrials.witnesses) == 0 {
		return false
	}
	w := e.lossTrials.least()
	return w != nil && w.asked < mostTrials/4 && e.sendTrial(w, -1)
}

// answersTrial takes in the answer to a trial, and tells whether it is one.
func (e *engine) answersTrial(ev *wire.Event) bool {
	k := ev.Attempt - rounds - moreRounds
	if k < 0 {
		return false
	}
	a, l := wire.AsCarried(ev.Target.Addr(), ev.Link), &e.lossTrials
	for _, w := range l.witnesses {
		if w.host.key != a || k >= w.asked || !ev.Kind.Verified() || !w.segment.answeredBy(ev) || !ev.ArrivedAt(w.host.source) {
			continue
		}
		t := &l.all[w.latest[k]]
		if t.answered {
			return false
		}
		t.answered = true
		if t.number >= 0 {
			e.slow.trial.Answer(t.number)
		}
		return true
	}
	return false
}

// forgetTrials are those whose answers may have come while nobody listened.
func (e *engine) forgetTrials(since time.Duration) {
	for i := range e.lossTrials.all {
		if t := &e.lossTrials.all[i]; t.sent+e.patience() > since && !t.answered {
			t.void = true
		}
	}
	if e.slow.trial != nil {
		e.slow.trial.Forget()
	}
}

// lossOf is how many of some trials are over, and how many of these were not answered.
func (e *engine) lossOf(some []lossTrial) (l probe.HostLoss) {
	for _, t := range some {
		switch {
		case t.answered:
			l.Sent++
		case !t.void && t.sent+e.patience() <= e.Now:
			l.Sent, l.Unanswered = l.Sent+1, l.Unanswered+1
		}
	}
	return l
}

// loss is that of all trials, and at a lower pace that of those at it.
func (e *engine) loss() probe.HostLoss {
	return e.lossOf(e.lossTrials.all[e.slow.from:])
}

// awaitsTrials tells whether few trials are over and others are not: what silence is worth
// they tell.
func (e *engine) awaitsTrials() bool {
	l := e.lossTrials.all
	return len(l) > 0 && !l[len(l)-1].answered && l[len(l)-1].sent+e.patience() > e.Now && e.loss().Sent < fewTrials
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
