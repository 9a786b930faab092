package scan

import (
	"slices"
	"time"

	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// A limit of SYNs may let nothing through but SYNs to silent ports, so that nothing at all is heard
// of a host. So before all ports of such a host are believed silent, its most commonly served ports
// are asked once more, one after the other, when nothing else has been sent to it for a moment. If
// one of them answers, what was sent before counts for nothing, and lower paces are tried as for
// any other host.

const (
	// mostGuesses ports are asked so, guessesApart from each other.
	mostGuesses  = 7
	guessesApart = 25 * time.Millisecond
	// guessQuiet is for how long nothing has left for the host before.
	guessQuiet = 100 * time.Millisecond
	// guessTuple is which of a port's questions these are. What it is asked later is no retransmission of them, which
	// a guard would let through.
	guessTuple = limit.Tuples - 1
)

// guess is what is asked of a host of which nothing was heard.
type guess struct {
	on    bool // they are asked
	vain  bool // none has answered in time
	asked int
	heard []witness
}

// heardNothing tells whether a host of many ports has answered nothing, for which a limit may be
// the reason.
func (e *engine) heardNothing(h *host) bool {
	if h.several == nil || h.witness != 0 || h.left < askEvery || h.way.local || h.trouble != nil || h.persistence != nil {
		return false
	}
	return e.cfg.mayRetransmit() && e.cfg.Retries > 0 && e.cfg.MostTimeout > e.cfg.Timeout && !e.Stopping && !e.triesShared() && !e.keptShared()
}

// guessesAfter begins to ask as soon as the last transmission to a host of which nothing was heard has left, so
// that its answer and theirs are waited for at the same time.
func (e *engine) guessesAfter(f *flight) {
	h := f.host
	if h.witness != 0 || len(f.tx) < silentAttempts || h.pending.n > 0 || !e.exhausted || h.found.reason != "" {
		return
	}
	if h.slowness() == nil && int(h.left) >= int(h.flights)*e.allowed(f) && e.heardNothing(h) {
		e.beginGuess(f)
	}
}

// beginGuess begins to ask the most commonly served ports of a host, and the one whose time is up,
// after a quiet time.
func (e *engine) beginGuess(f *flight) *slowdown {
	h := f.host
	s := &slowdown{host: h, latest: uint64(h.left) - askEvery}
	s.asks.Most = mostAgain
	for _, port := range wire.Served {
		if _, asked := e.flights.find(h, port); asked != nil && len(s.asks.List()) < mostGuesses-1 && port != f.port {
			s.asks.Add(witness{h, port}).Begin(guessTuple)
		}
	}
	s.asks.Add(witness{h, f.port}).Begin(guessTuple)
	h.several.slow = s
	s.guess.on = true
	e.beginQuiet(s)
	s.quiet.since = 0 // but for what has left
	return s
}

// followGuess ends the guess once all of these ports were asked and none has answered in time.
func (e *engine) followGuess(s *slowdown) {
	over := s.guess.asked == len(s.asks.List()) && e.Now >= s.quiet.asked+e.guessWait(s.host)
	if e.Stopping || e.Failure != nil || over {
		e.endGuess(s)
	}
}

// sendGuess asks the next of these ports, where it is time for that and the pace allows it.
func (e *engine) sendGuess(s *slowdown, budget int) int {
	if due, ok := s.nextGuess(); !ok || budget == 0 || e.Now < due {
		return budget
	}
	s.quiet.asked = e.Now
	if s.guess.asked++; e.ask(s) {
		budget--
	}
	return budget
}

// nextGuess is when the next of them is asked.
func (s *slowdown) nextGuess() (due time.Duration, ok bool) {
	if !s.guess.on || s.guess.asked == len(s.asks.List()) {
		return 0, false
	}
	return max(s.quiet.since+guessQuiet, s.host.several.left+guessQuiet, s.quiet.asked+guessesApart), true
}

// guessWait is how long an answer is waited for.
func (e *engine) guessWait(h *host) time.Duration {
	wait := unsureWait
	if near := max(h.expected, e.Slowest); near > 0 {
		wait = max(guessFactor*near, shortestGuess)
	}
	return min(wait, e.cfg.Timeout)
}

// endGuess looks for a limit where something was heard.
func (e *engine) endGuess(s *slowdown) {
	heard := s.guess.heard
	if s.guess = (guess{}); len(heard) == 0 {
		s.guess.vain = true
		s.asks.Void(0, e.cfg.Timeout)
		e.endTrial(s, paceFull)
		return
	}
	s.asks = limit.Witnesses[witness]{Most: mostAgain}
	for _, w := range heard[:min(len(heard), mostPorts)] {
		s.asks.Add(w)
	}
	h := s.host
	if h.witness == 0 {
		h.witness = heard[0].port
		e.answering++
	}
	e.noteOverflow(h)
	e.beginTrial(s)
	s.trial.AfterQuiet()
}

// guessed takes note of the answer to one of them, which is the verdict on its port too.
func (e *engine) guessed(h *host, ev *wire.Event, took time.Duration) {
	g := &h.several.slow.guess
	if w := (witness{h, ev.Target.Port()}); !slices.Contains(g.heard, w) {
		g.heard = append(g.heard, w)
	}
	if !h.Known() {
		e.noteRoundTrip(h, took)
	}
	e.decideBy(ev, took)
	if s := h.several.slow; g.vain { // later than it was waited for
		e.limits.hosts = append(e.limits.hosts, s)
		e.endGuess(s)
	}
}

// decideBy lets the answer to a question be that of a probe which has none.
func (e *engine) decideBy(ev *wire.Event, took time.Duration) {
	id, f := e.find(ev)
	if f == nil || f.outcome.Best != nil {
		return
	}
	if f.outcome.Take(e.cfg.Technique, f.target(), ev); f.outcome.Best == nil {
		return
	}
	f.outcome.Best.Time = ev.At
	e.flights.void(id)
	e.hear(f.host, f.outcome.Best)
	if f.outcome.Open() {
		e.finish(id)
	} else {
		e.settle(id, f, took)
	}
}

// forgetGuess has none of them be a witness where another port has answered, and asks none any more.
func (e *engine) forgetGuess(s *slowdown) {
	on := s.guess.on
	if on || s.guess.vain {
		s.guess, s.asks = guess{}, limit.Witnesses[witness]{Most: mostAgain}
	}
	if on {
		e.endTrial(s, paceFull)
	}
}
