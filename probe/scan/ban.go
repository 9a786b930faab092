package scan

import (
	"fmt"
	"math"
	"slices"
	"time"

	"synscope/internal/binomial"
	"synscope/probe"
	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// A firewall may ban whoever sends too many packets in too short a time: for some seconds it drops everything. Such a host
// looks like one that was away for a moment, and is away again as soon as the same pace has led to the next ban. So a
// host that has come back gets as many packets a second as it had let through before, a growing number of them while
// it stays, and half as many after each further absence.

const (
	// easedShare is the part of what passed before an absence that is sent after it.
	easedShare = 0.9
	// easedFor is for how long a pace is kept to after the first absence before twice as much is tried; after others,
	// that would be likely to lead to the next, so many times as long as the longest has lasted.
	easedFor, easedTimes = 500 * time.Millisecond, 20
	// An absence that is one lasts leastAbsence, and the witness keeps silent leastSilent times.
	leastAbsence, leastSilent = time.Second, 3
	// mostGaps are remembered of a host, beyond that the first ones are taken for one; and of one that may be behind a queue
	// mostUnsure.
	mostGaps, mostUnsure = 16, 4
)

// absences are the times for which a host answered nothing, and came back.
type absences struct {
	times   int
	longest time.Duration
	back    time.Duration // when the latest was over; 0: there was none
	left    int32         // transmissions by then
	passed  int32         // transmissions from one to the latest, and for how long
	lasted  time.Duration
	rate    float64 // that was kept to after it
	rests   bool    // the latest was over after a rest
}

// noteAway keeps a time in which the host did not answer.
func (w *watch) noteAway(g gap) {
	w.gaps = append(w.gaps, g)
	switch n := len(w.gaps); {
	case w.absences.times == 0:
		w.gaps = w.gaps[max(0, n-mostUnsure):]
	case n > mostGaps:
		w.gaps[1].from = w.gaps[0].from
		w.gaps = slices.Delete(w.gaps, 0, 1)
	}
}

// note takes note of how many transmissions there were until a time, since the absence before.
func (a *absences) note(e *engine, h *host, until time.Duration) {
	a.passed, a.lasted = h.left-a.left-e.leftSince(h, until), until-max(a.back, h.began)
}

// String says what was sent before the latest.
func (a *absences) String() string {
	return fmt.Sprintf("%d packets within %v", max(a.passed, 0), max(a.lasted, time.Millisecond).Round(time.Millisecond))
}

// easeOff paces the probes of a host that has come back from an absence.
func (e *engine) easeOff(h *host, g gap) {
	a := &h.watch.absences
	if g.to-g.from < leastAbsence || h.watch.failures < leastSilent || e.Now-g.to > max(h.Timeout(), wire.MinRTO) {
		return // or its answers come late
	}
	a.note(e, h, g.from)
	a.times, a.longest, a.rests = a.times+1, max(a.longest, g.to-g.from), h.watch.rest.until > 0
	a.back, a.left = e.Now, h.left
	l := h.limiter()
	if l == nil || e.banned.times > 0 || e.queue.seen > 0 || h.several.backlog.rate > 0 { // a queue's pace is its own
		return
	}
	rate := easedShare * float64(a.passed) / max(1, a.lasted.Seconds())
	switch {
	case a.lasted <= 0: // the host was away again at once, from the pace that it had come back to
		rate = a.rate / 2
	case l.rate > 0:
		rate = min(rate, l.rate/2)
	}
	if rate = max(rate, minRate); rate >= e.Pace.Rate() {
		return
	}
	wait := easedFor
	if a.times > 1 {
		wait = easedTimes * a.longest
	}
	a.rate = rate
	*l = limiter{rate: rate, kept: true, due: e.Now, changed: e.Now, epoch: e.Now, easing: wait, eased: e.Now}
	if s := h.slowness(); s != nil && s.state == paceLimited {
		s.trial = limit.At(rate)
		s.higher.next(e.Now, max(leastKept, wait))
		l.easing = 0
	}
}

// noteBan takes note that a host was away when a limit before it began to be looked for, and was back when it was left alone,
// where no limit was found: then what left meanwhile was not lost at random.
func (e *engine) noteBan(s *slowdown) {
	h := s.host
	if h == nil || !s.quiet.heard || e.Stopping {
		return
	}
	n, since := s.asks.Missed(s.quiet.asked)
	if n < fewAsked || math.Pow(e.likelyLoss(h), float64(n)) >= surelyAway {
		return
	}
	if h.watch == nil {
		h.watch = &watch{}
	}
	h.watch.noteAway(gap{since, s.quiet.asked})
	e.untellSilences(h)
}

// noteOutage takes note that no question to anybody was answered for a while, by more than the loss of the way explains,
// while a limit of the whole run was looked for in vain: what left meanwhile was not lost at random.
func (e *engine) noteOutage(s *slowdown) {
	n, since, until := s.asks.LongestMiss(e.trialWait(s))
	if until == 0 {
		until = e.Now + 1
	}
	if e.Stopping || n < fewAsked || binomial.FailAgain(n, int(e.losses.wasted), int(e.losses.answers)) >= surprising {
		return
	}
	e.void(gap{since - 1, until})
	e.untellSilences(nil)
}

// leftSince is how many transmissions to a host without an answer left after a time.
func (e *engine) leftSince(h *host, after time.Duration) (n int32) {
	for _, id := range e.flights.all() {
		if f := e.flights.at(id); f.host == h {
			for _, tx := range f.tx {
				if tx.Sent > after {
					n++
				}
			}
		}
	}
	return n
}

// ease raises the pace after an absence, once it has been kept to for long enough.
func (l *limiter) ease(now time.Duration) {
	if l.easing == 0 || now < l.eased+l.easing {
		return
	}
	l.rate, l.eased = 2*l.rate, now
	if l.rate > openRate {
		*l = limiter{changed: now, epoch: now}
	}
}

// seemsToBan tells whether the host was away more often than by chance.
func (w *watch) seemsToBan() bool { return w != nil && w.absences.times > 1 }

// banFinding says that a host was away again and again while it was probed.
func (h *host) banFinding() probe.Finding {
	a := &h.watch.absences
	f := probe.Finding{
		Code: "repeatedly-away", Severity: probe.SeverityInfo,
		Text: "the host answered nothing for a while, again and again, and came back: something seems to drop everything of " +
			"who sends too many packets; it was probed more slowly, and what was asked meanwhile was asked again",
		Evidence: fmt.Sprintf("silent %d times, for up to %v, the last time after %s", a.times, a.longest.Round(100*time.Millisecond), a),
	}
	if l := h.limiter(); l != nil && l.rate > 0 {
		f.Evidence += fmt.Sprintf("; %.3g packets a second in the end", l.rate)
	}
	return f
}
