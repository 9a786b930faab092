package discover

import (
	"time"

	"synscope/probe"
	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// Where much of what hosts have answered before goes unanswered, either the way loses
// packets, which more rounds cure, or something on it lets through so many packets a second,
// which they make worse. So before anybody gets more rounds, those who have answered are
// asked again at lower paces, and nobody else (see [limit.Trial]). Where a larger share of
// that passes, all who have kept silent are asked anew, at the pace that passes. A network
// where nobody answers has no such trial.

const (
	// mostSilent hosts that kept silent are remembered until it is known what silence is worth.
	mostSilent = 1 << 16
	// watchEvery packets at a lower pace one asks a witness.
	watchEvery = 8
)

// paceState is what is known of the pace.
type paceState uint8

const (
	paceFull    paceState = iota // nothing is known of a limit
	paceTrying                   // witnesses are asked at lower ones
	paceLimited                  // a lower one passes, and is kept to
	paceTooLow                   // one that passes would take too long
)

// slowdown is the search for the pace, and what it has found.
type slowdown struct {
	state  paceState
	tried  bool
	trial  *limit.Trial
	ramp   *wire.Ramp
	silent []*host // that gave no answer, as long as a limit may have been the reason
	beside int     // packets since the latest question to a witness
}

// mindLimit begins to look for a limit, or goes on with that.
func (e *engine) mindLimit() {
	s := &e.slow
	switch {
	case s.state == paceTrying:
		e.followTrial()
	case s.state == paceLimited:
		e.watchPace()
	case !s.tried && e.Ramp != nil && !e.Stopping && e.inTime() && e.suspectsLimit():
		e.beginTrial()
	}
}

// inTime tells whether answers come while they are waited for: what is later looks lost.
func (e *engine) inTime() bool { return e.Slowest < e.cfg.Timeout }

// watchPace lowers the pace where less passes than did. What left meanwhile leaves again.
func (e *engine) watchPace() {
	s := &e.slow
	since := s.trial.Since()
	if !s.trial.Watch(e.Now, e.trialWait()) {
		return
	}
	e.Pace.Ask(s.trial.Rate())
	e.witnesses.Anew()
	for _, h := range e.byID {
		if h != nil {
			e.takeBack(h, since)
		}
	}
}

// takeBack has what left for a host since a time, in this round, leave once more.
func (e *engine) takeBack(h *host, since time.Duration) {
	n := 0
	for n < h.place && h.sent[len(h.sent)-1-n].Sent >= since {
		n++
	}
	if n == 0 {
		return
	}
	e.seek(h)
	h.sent, h.place, h.began = h.sent[:len(h.sent)-n], h.place-n, 0
	if !h.queues {
		e.begin(h)
	}
}

// suspectsLimit tells whether much of what was asked of late was lost.
func (e *engine) suspectsLimit() bool {
	return e.witnesses.Any() && !e.awaitsTrials() && e.witnesses.LosesMuch(1, e.Now, e.patience())
}

func (e *engine) beginTrial() {
	s := &e.slow
	s.tried = true
	if len(e.hosts)+len(s.silent) == 0 && e.exhausted {
		return
	}
	asked, lost := e.witnesses.Loss(e.Now, e.patience())
	s.trial = limit.Begin(e.Pace.Rate(), asked, lost, e.witnesses.Room())
	s.state, s.ramp, e.Ramp = paceTrying, e.Ramp, nil
	e.Pace.Ask(s.trial.Rate())
}

// trialWait is how long the answer to a witness is waited for.
func (e *engine) trialWait() time.Duration { return limit.Wait(e.Slowest, e.cfg.Timeout) }

func (e *engine) followTrial() {
	s := &e.slow
	outcome := s.trial.Turn(e.Now, e.trialWait())
	if outcome == limit.Undecided && e.witnesses.Room() == 0 {
		outcome = s.trial.Spent()
	}
	switch {
	case e.Stopping:
		e.endTrial(paceFull)
	case outcome == limit.Undecided:
		e.Pace.Ask(s.trial.Rate())
	case outcome == limit.Lossy:
		e.endTrial(paceFull)
	case !limit.Worth(e.leftToAsk(), s.trial.Rate()):
		e.endTrial(paceTooLow)
	default:
		e.slowDown()
	}
}

// leftToAsk is how many packets the search needs at a lower pace.
func (e *engine) leftToAsk() uint64 {
	known := uint64(len(e.hosts) + len(e.slow.silent))
	unmet := uint64(0)
	if met := e.Counters.Probes + known; e.cfg.Total > met {
		unmet = e.cfg.Total - met
	}
	return (known + unmet) * Most
}

// endTrial goes on at the pace that was.
func (e *engine) endTrial(to paceState) {
	s := &e.slow
	s.state, e.Ramp = to, s.ramp
	e.Pace.Ask(e.Ramp.Rate)
	e.tellSilent()
}

// slowDown keeps to the pace that was found, and asks all anew who have kept silent.
func (e *engine) slowDown() {
	s := &e.slow
	s.state = paceLimited
	e.witnesses.Anew()
	e.Pace.Ask(s.trial.Rate())
	for _, h := range e.byID {
		if h != nil {
			e.askAnew(h)
		}
	}
	silent := s.silent
	s.silent = nil
	for _, h := range silent {
		if h.nextRound() >= rounds+moreRounds { // it has been asked as often as any
			e.tellDown(h)
			continue
		}
		e.hosts[h.key], e.byID[h.id] = h, h
		e.askAnew(h)
	}
}

// nextRound is from which round on a host is asked anew.
func (h *host) nextRound() int { return max(h.round+1, rounds) }

// askAnew gives a host that was asked in vain the questions once more.
func (e *engine) askAnew(h *host) {
	again := h.nextRound()
	if len(h.sent) == 0 || again >= rounds+moreRounds {
		return
	}
	total := 0
	for round := range again {
		total += len(h.segmentsOf(round))
	}
	e.seek(h)
	h.sent = append(h.sent, make([]wire.Stamps, total-len(h.sent))...)
	h.round, h.from, h.place, h.began, h.refused = again, again, 0, 0, 0
	if !h.queues {
		e.approach(h)
	}
}

// silence keeps back that a host gave no answer while that may be a limit's doing, and tells
// whether it does.
func (e *engine) silence(h *host, why probe.Reason) bool {
	s := &e.slow
	if why != probe.ReasonNoResponse || h.Reason != "" || h.unsent != nil || s.tried || e.Ramp == nil || e.Stopping || e.loss().Sent >= limit.Lately {
		return false
	}
	e.unqueue(h)
	e.seek(h)
	delete(e.hosts, h.key)
	e.byID[h.id] = nil
	if s.silent = append(s.silent, h); len(s.silent) > mostSilent {
		e.tellSilent()
	}
	return true
}

// tellSilent hands out the hosts whose silence was kept back.
func (e *engine) tellSilent() {
	silent := e.slow.silent
	e.slow.silent = nil
	for _, h := range silent {
		e.tellDown(h)
	}
}

// tellDown hands out a host whose silence was kept back.
func (e *engine) tellDown(h *host) {
	h.Reason = probe.ReasonNoResponse
	h.disbelieve()
	e.deliver(h)
}

// askWitness asks a witness at the pace that is tried or kept to, and tells whether that has left.
func (e *engine) askWitness() bool {
	w := e.witnesses.Least(mostTrials)
	if w == nil {
		return false
	}
	e.slow.beside = 0
	number := e.slow.trial.Ask(e.Now)
	return e.sendTrial(w, number)
}

// askWitnesses does so as far as the budget allows, and returns what it leaves of it.
func (e *engine) askWitnesses(budget int) int {
	for budget > 0 && e.slow.trial.Wants() && e.askWitness() {
		budget--
	}
	return budget
}

// Limit is what a search has seen of a limit on the way of all hosts.
type Limit struct {
	Rate float64 // packets a second that pass; 0: no limit was seen
	Kept bool    // the search was slowed down to that, or it would take too long
}

// Limit is that of the search so far.
func (s *Search) Limit() Limit {
	slow := &s.engine.slow
	if slow.state < paceLimited {
		return Limit{}
	}
	return Limit{slow.trial.Rate(), slow.state == paceLimited}
}
