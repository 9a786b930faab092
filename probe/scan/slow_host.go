package scan

import (
	"slices"
	"time"
)

// A limit of SYNs in front of a host whose other ports are filtered looks like the filter itself:
// few ports answer, some at the first SYN and some at a later one. So where most ports of a host
// are silent, those that have answered are asked again from time to time. If these questions are
// lost, nothing is sent for a moment, long enough for one question to pass any limit: a host that
// is silent even then is away, or behind a guard that lets only retransmissions through (same.go).

const (
	// quietTime is for how long nothing is sent before the question that would pass.
	quietTime = 400 * time.Millisecond
	// inQuiet questions are asked then.
	inQuiet = 2
	// mostQuiet is how often that is tried of a host.
	mostQuiet = 2
	// mostPorts of a host are asked again, each mostAgain times.
	mostPorts, mostAgain = 4, 512
	// manySilent times as many ports have not answered in time as answer, where a limit is looked for.
	manySilent = 4
)

// quiet is a time in which a host gets nothing but a question.
type quiet struct {
	since time.Duration
	asked time.Duration // when the questions left; 0: not yet
	times int
	heard bool
}

// looksFor tells whether a limit before a host is looked for. A host most of whose ports answer
// shows a limit by its answers, and one that limits these is known by them (limiter.go).
func (e *engine) looksFor(h *host) bool {
	if l := h.limiter(); l == nil || l.rate > 0 && !l.kept {
		return false
	}
	return h.witness != 0 && !h.way.local && h.left >= askEvery && manySilent*h.losses.answers <= uint32(h.silent[0]) && !h.onlyAgain()
}

// slowOf is what is known of a limit before a host of several ports.
func (e *engine) slowOf(h *host) *slowdown {
	if h.several.slow == nil {
		s := &slowdown{host: h, latest: uint64(h.left) - askEvery}
		s.asks.Most = mostAgain
		s.add(h, h.witness, mostPorts)
		h.several.slow = s
	}
	return h.several.slow
}

// slowness is that of a host, nil if none is looked for.
func (h *host) slowness() *slowdown {
	if h.several == nil {
		return nil
	}
	return h.several.slow
}

// heldUp tells whether nothing is sent to a host but questions.
func (h *host) heldUp() bool {
	s := h.slowness()
	return s != nil && s.on()
}

// mayBeLimited lets the verdict on a silent port wait where a limit may be why it is silent.
func (e *engine) mayBeLimited(id uint32, f *flight) bool {
	s := f.host.slowness()
	switch {
	case f.watches || f.canary || f.rechecks:
		return false
	case s == nil && e.heardNothing(f.host):
		s = e.beginGuess(f)
	case s == nil || !s.on() && !e.suspectsHost(s):
		return false
	}
	if !s.on() {
		e.beginQuiet(s)
	}
	f.phase = phaseHeld
	s.held = append(s.held, e.flights.ticket(id))
	return true
}

// suspectsHost tells whether much of what the witnesses of a host are asked is lost, other than to a queue on the way
// and to a host that is away.
func (e *engine) suspectsHost(s *slowdown) bool {
	h := s.host
	switch {
	case s.state != paceFull, s.late, e.Stopping, e.triesShared(), e.keptShared(), s.quiet.times >= mostQuiet, h.SRTT >= e.cfg.Timeout:
		return false
	case h.watch != nil && (h.watch.failures > 0 || h.watch.gone):
		return false
	case h.limiter().rate > 0, h.several.overflow > 0, h.several.backlog.rate > 0, e.queue.seen > 0:
		return false
	}
	return e.losesMuch(s)
}

// beginQuiet sends nothing to a host for a while.
func (e *engine) beginQuiet(s *slowdown) {
	s.state, s.quiet = paceQuiet, quiet{since: e.Now, times: s.quiet.times + 1}
	e.limits.hosts = append(e.limits.hosts, s)
}

// askInQuiet asks after that whether the host answers what it has answered before.
func (e *engine) askInQuiet(s *slowdown) {
	q := &s.quiet
	switch {
	case s.guess.on:
		e.followGuess(s)
	case e.Stopping || e.Failure != nil:
		e.endTrial(s, paceFull)
	case q.heard:
		e.answersFirsts(s.host)
		e.beginTrial(s)
		s.trial.AfterQuiet()
	case q.asked == 0 && e.Now >= q.since+quietTime:
		q.asked = e.Now
		for range inQuiet {
			if e.ask(s) {
				e.Booked(1)
			}
		}
	case q.asked > 0 && e.Now >= q.asked+e.trialWait(s):
		e.endTrial(s, paceFull)
	}
}

// answersFirsts takes note that a host answers a SYN that has not come before.
func (e *engine) answersFirsts(h *host) {
	h.firsts = true
	if p := h.persistence; p != nil {
		p.required = false
		e.countDeferred(p)
	}
}

// doubtsGuard asks a host that has answered retransmissions alone, after a quiet time, whether it does.
func (e *engine) doubtsGuard(h *host) {
	if h.several == nil || h.witness == 0 || h.way.local || e.keptShared() || e.Stopping {
		return
	}
	if s := e.slowOf(h); s.state == paceFull && s.quiet.times < mostQuiet {
		e.beginQuiet(s)
	}
}

// keepHost paces the probes of a host as passes. What left before counts for nothing, or what left since the
// pace was raised.
func (e *engine) keepHost(s *slowdown, raised time.Duration) {
	h := s.host
	e.answersFirsts(h)
	l := h.limiter()
	*l = limiter{rate: s.trial.Rate(), kept: true, due: e.Now, changed: e.Now, epoch: e.Now}
	if raised == 0 {
		e.noteOverflow(h)
	} else {
		e.noteVoid(h, raised)
	}
	e.untellSilences(h)
	e.releaseHeld(s)
}

// noteVoid takes note that what left for a host since a time counts for nothing.
func (e *engine) noteVoid(h *host, since time.Duration) {
	if h.watch == nil {
		h.watch = &watch{}
	}
	h.watch.noteAway(gap{since - 1, e.Now + 1})
}

// releaseHeld lets the silent probes go on that waited: to the witness, where the host may be away.
func (e *engine) releaseHeld(s *slowdown) {
	held := s.held
	s.held = nil
	e.goOn(slices.DeleteFunc(held, e.waitsForWitness))
}

// waitsForWitness lets the verdict on a silent probe wait for the witness of its host, if it is to.
func (e *engine) waitsForWitness(t ticket) bool {
	f := e.flights.at(t.id)
	if !e.flights.holds(t) || len(f.tx) < e.allowed(f) || !e.suspects(f) {
		return false
	}
	f.phase = phaseFlying
	return e.hold(t.id, f)
}
