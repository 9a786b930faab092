package scan

import (
	"time"

	"synscope/internal/binomial"
	"synscope/probe/internal/limit"
)

// A firewall may ban who sends too fast from all hosts behind it. Then they fall silent at once, a question to one keeps up the ban
// of the others, and a slower pace of each is none of all. So where several hosts keep silent, and none has answered anything
// since, nothing at all is sent for a while, and then as much a second as had passed before.

// fewAway hosts, at least, are silent at once.
const fewAway = 2

// restAllAsks is for how long those who were away are asked after a rest, and mostInVain rests may bring none of them back.
const (
	restAllAsks = 2 * restAsks
	mostInVain  = 2
)

// sharedBan is what is known of a ban from all hosts.
type sharedBan struct {
	vouched time.Duration // the latest that was answered, of any host
	since   time.Duration // as of when the rest began
	until   time.Duration // the end of the rest; 0: there was none
	on      bool          // none of those who were away has answered since it began
	known   bool          // who these are, since they were watched
	times   int
	vain    int // rests that brought nobody back
	longest time.Duration
	back    time.Duration // when the latest was over; 0: there was none
	told    uint64        // probes that were over by then
}

// resting tells whether nothing at all is to be sent.
func (e *engine) resting() bool { return e.Now < e.banned.until && !e.Stopping }

// mayBan tells whether a rest of the whole run may help: not where hosts were given up, or rests were in vain.
func (e *engine) mayBan() bool {
	b := &e.banned
	return e.limits.looks && !b.on && b.vain < mostInVain && (b.times > 0 || e.silenced == 0) && !e.Stopping && !e.Outage.Lasting()
}

// keepsSilent tells whether a host has answered before, and does not any more.
func (h *host) keepsSilent() bool { return h.watch != nil && h.watch.since > 0 && h.watch.failures > 0 }

// allAway tells whether a host that keeps silent is one of several, while no other answers.
func (e *engine) allAway(h *host) bool {
	b := &e.banned
	if b.vouched >= h.watch.since || e.triesShared() || !e.mayBan() {
		return false
	}
	away := 0
	for _, h := range e.hosts.all() {
		if h.keepsSilent() && h.watch.since > b.vouched {
			away++
		}
	}
	return away >= fewAway
}

// restAll has nothing sent for a while, to whomever, and then more slowly, since nothing was answered that left after a time.
func (e *engine) restAll(since time.Duration) {
	b := &e.banned
	b.until, b.since, b.on, b.known = e.Now+restFor, since, true, false
	e.Paused = max(e.Paused, b.until)
	for _, h := range e.hosts.all() {
		if h.keepsSilent() {
			h.watch.rest.until = b.until
			b.known = true
		}
	}
	e.slowAll(e.passedBefore(b))
}

// passedBefore is how many packets a second had passed before a ban.
func (e *engine) passedBefore(b *sharedBan) float64 {
	passed := float64(e.Counters.Probes - b.told)
	for _, id := range e.flights.all() {
		for _, tx := range e.flights.at(id).tx {
			if tx.Sent > b.back && tx.Sent <= b.since {
				passed++
			}
		}
	}
	rate := easedShare * passed / max(1, (b.since-b.back).Seconds())
	if b.times > 0 && e.keptShared() {
		rate = min(rate, e.limits.all.trial.Rate()/2)
	}
	return max(rate, minRate)
}

// slowAll keeps the run to a pace.
func (e *engine) slowAll(rate float64) {
	s := &e.limits.all
	if e.Ramp != nil {
		s.full = e.Pace.Rate()
		e.ramp, e.Ramp = e.Ramp, nil
	}
	if s.state = paceLimited; rate < e.Pace.Rate() {
		e.Pace.Ask(rate)
	}
	s.trial, s.higher = limit.At(e.Pace.Rate()), higher{}
}

// vouchForAll takes note that a host has answered what left at a time. Who was not away before a rest tells nothing of its end.
func (e *engine) vouchForAll(h *host, sent time.Duration) {
	b := &e.banned
	b.vouched = max(b.vouched, sent)
	if b.on && sent >= b.until && (!b.known || h.keepsSilent()) {
		e.allBack(sent)
	}
}

// allBack ends a ban. What left meanwhile counts for nothing.
func (e *engine) allBack(sent time.Duration) {
	b := &e.banned
	b.on, b.times, b.longest = false, b.times+1, max(b.longest, sent-b.since)
	b.back, b.told = e.Now, e.Counters.Probes
	e.void(gap{b.since, sent})
	e.untellSilences(nil)
	wait := b.longest
	if b.times > 1 {
		wait *= easedTimes
	}
	e.limits.all.higher.next(e.Now, wait)
	e.tellLimit()
}

// mindBan ends a rest that has brought nobody back: it was no ban, and the pace is the one before.
func (e *engine) mindBan() {
	b := &e.banned
	if !b.on || e.Now < b.until+restAllAsks {
		return
	}
	b.on = false
	if b.vain++; b.times == 0 || b.vain >= mostInVain {
		e.limits.all.state = paceFull
		e.limits.all.asks.Anew()
		e.endShared()
	}
}

// bansAll tells whether no question to any host has been answered for a while, by more than the loss of the way explains, nor anything
// else, and since when.
func (e *engine) bansAll(s *slowdown) (since time.Duration, ok bool) {
	n, since, until := s.asks.LongestMiss(e.trialWait(s))
	return since, s.host == nil && until == 0 && e.banned.vouched <= since && n >= fewAsked && e.mayBan() &&
		binomial.FailAgain(n, int(e.losses.wasted), int(e.losses.answers)) < surprising
}

// bansAgain tells whether no question to any host is answered any more at a pace that had passed, nor anything else.
func (e *engine) bansAgain(s *slowdown) bool {
	b, wait := &e.banned, e.trialWait(s)
	n, _ := s.asks.Missed(e.Now - wait)
	return s.host == nil && b.times > 0 && n >= fewAsked && e.Now-wait-b.vouched > restSoon && e.mayBan()
}
