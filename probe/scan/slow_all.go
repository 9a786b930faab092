package scan

import (
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// A limit before all hosts is looked for here, or taken over from the search for hosts that found
// it. Hosts that were silent before it was known are asked again. A search may miss a limit that
// lets echo requests through, or as few packets as a search sends.

const (
	// mostTried hosts tell enough, and mostTrials questions to one.
	mostTried, mostTrials = 24, 32
	// perSearched packets go to a host that is looked for at a lower pace, at most.
	perSearched = 4
	// lossySearch is the loss, measured by a search, from which loss is not taken for a limit.
	lossySearch = 0.12
	// manyHosts are so many that a limit before one of them hardly shows in what is lost of all.
	manyHosts = 8
	// perPort packets go to a silent port.
	perPort = 2
)

// beginLimits takes over what is known of a limit before the run.
func (e *engine) beginLimits() {
	l := &e.limits
	l.all.asks.Most = mostTrials
	l.looks = e.Ramp != nil && e.cfg.Total != 1 && !e.lostInSearch()
	pace := e.cfg.Passing
	if pace <= 0 || e.Ramp == nil {
		return
	}
	l.all.trial = limit.At(pace)
	if !limit.Worth(e.leftToAsk(&l.all), pace) {
		e.Ramp.Rate = min(e.Ramp.Rate, pace)
		e.Pace.Ask(e.Ramp.Rate)
		return
	}
	l.looks, l.all.state, l.all.full = true, paceLimited, e.Ramp.Rate
	l.all.higher.next(0, leastKept)
	e.ramp, e.Ramp = e.Ramp, nil
	e.Pace.Ask(pace)
}

// lostInSearch tells whether a search has found the loss of the way, and no limit: it would have looked for one.
func (e *engine) lostInSearch() bool {
	return e.cfg.HostsKnown && e.cfg.Passing <= 0 && e.seen.share(priorLoss) >= lossySearch
}

// triesShared tells whether a limit before all hosts is being looked for, or known.
func (e *engine) triesShared() bool { return e.limits.looks && e.limits.all.state == paceTrying }

// asksYet tells whether a limit before all hosts is looked for, or may have to be.
func (e *engine) asksYet() bool { return e.triesShared() || e.awaitsQuestions() }

// awaitsQuestions tells whether the answers to the latest are to come, by which those hang who have kept silent.
func (e *engine) awaitsQuestions() bool {
	s := &e.limits.all
	return e.limits.looks && e.cfg.Search && !e.Stopping && s.state == paceFull && s.asks.Awaited(e.Now, e.trialWait(s))
}

// keptShared tells whether the run keeps to a limit before all hosts.
func (e *engine) keptShared() bool { return e.limits.looks && e.limits.all.state == paceLimited }

// noteWitness takes note of who has answered: a port, or an echo request where that is 0.
func (e *engine) noteWitness(h *host, port uint16) {
	l := &e.limits
	if h.several != nil && h.several.slow != nil {
		e.forgetGuess(h.several.slow)
		h.several.slow.add(h, port, mostPorts)
	}
	if l.looks && !h.way.local && !h.onlyAgain() && (e.cfg.Search || e.tellsOfAll(h)) {
		l.all.add(h, port, mostTried)
	}
}

// tellsOfAll tells whether what is lost of the packets to a host may tell of a limit before all: to a host alone
// the first few.
func (e *engine) tellsOfAll(h *host) bool {
	return e.limits.looks && (h.left < askEvery && !e.cfg.HostsKnown || e.keptShared() || len(e.hosts.byAddr) >= manyHosts)
}

// add takes one more witness, unless there are enough.
func (s *slowdown) add(h *host, port uint16, most int) {
	w := witness{h, port}
	if all := s.asks.List(); len(all) < most && !slices.ContainsFunc(all, func(x *limit.Witness[witness]) bool { return x.Of == w }) {
		s.asks.Add(w)
	}
}

// suspectsShared tells whether much of what those are asked who have answered is lost, before them all.
// Answers that come later than they are waited for look lost.
func (e *engine) suspectsShared() bool {
	s := &e.limits.all
	if e.Ramp == nil || e.Stopping || e.Slowest >= e.cfg.Timeout || s.asks.Room() == 0 || e.cfg.HostsKnown && (s.late || e.queue.seen > 0) {
		return false
	}
	return e.losesMuch(s)
}

// beginShared asks at lower paces before all hosts. What is looked for before single ones meanwhile would
// find the same.
func (e *engine) beginShared() {
	for _, s := range e.limits.hosts {
		if s.on() {
			e.endTrial(s, paceFull)
		}
	}
	e.beginTrial(&e.limits.all)
	e.ramp, e.Ramp = e.Ramp, nil
}

// endShared goes on at the pace that was.
func (e *engine) endShared() {
	e.Ramp = e.ramp
	e.Pace.Ask(e.Ramp.Rate)
	e.tellLimit()
}

// leftToAsk is how many packets are to leave at a lower pace.
func (e *engine) leftToAsk(s *slowdown) uint64 {
	left := uint64(0)
	if told := e.Counters.Probes; e.cfg.Total > told {
		left = e.cfg.Total - told
	}
	switch {
	case s.host != nil:
		left -= min(left, uint64(e.flights.live))
		return (left/uint64(max(1, len(e.hosts.byAddr))) + uint64(s.host.flights)) * perPort
	case e.cfg.Search:
		return max(left, e.search.withheld+uint64(e.flights.live)) * perSearched
	}
	return left * perPort
}

// keepShared keeps to the pace that passes, and asks all anew who have kept silent.
func (e *engine) keepShared(s *slowdown, since time.Duration) {
	e.Pace.Ask(s.trial.Rate())
	e.void(gap{since - 1, e.Now + 1})
	e.seen = trials{}
	for _, h := range e.hosts.all() {
		h.forgetLoss()
		e.seekAgain(h, since)
	}
	e.untellSilences(nil)
	e.tellLimit()
}

// void has what left in a gap, to whomever, count for nothing.
func (e *engine) void(g gap) {
	for _, w := range e.hosts.ways {
		w.void.gaps = append(w.void.gaps, g)
	}
}

// seekAgain has a host asked anew whose verdicts were kept back since a time.
func (e *engine) seekAgain(h *host, since time.Duration) {
	if h.withheld() == 0 || h.absent() != nil {
		return
	}
	held := h.searched.held
	h.searched.held = nil
	e.search.withheld -= uint64(len(held))
	for _, v := range held {
		if v.Reason != probe.ReasonNoResponse || v.Time.Before(e.Start.Add(since)) {
			e.withhold(h, &v)
			continue
		}
		id := e.flights.add(h, v.Target.Port())
		f := e.flights.at(id)
		f.tx = append(f.tx, make([]wire.Stamps, v.Attempts)...)
		e.enqueue(id)
	}
}

func (e *engine) tellLimit() {
	if s := &e.limits.all; e.cfg.OnLimit != nil && s.state != paceOwn {
		e.cfg.OnLimit(s.trial.Rate(), s.state == paceLimited)
	}
}
