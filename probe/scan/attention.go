package scan

import (
	"cmp"
	"time"

	"synscope/internal/binomial"
)

// measureLoss draws from the answer to an attempt how many transmissions go
// unanswered, on the way to the host and on the way of all.
func (e *engine) measureLoss(f *flight, attempt int) {
	h := f.host
	e.noteLoss(f, attempt)
	limit := h.limiter()
	limit.answered(e.wasted(f, attempt, limit.since()), e.Now, h.SRTT)
	if e.Ramp != nil {
		e.Ramp.Answered(e.wasted(f, attempt, e.Ramp.Changed))
	}
}

// wasted is how many transmissions before an attempt left after a moment.
func (e *engine) wasted(f *flight, attempt int, after time.Duration) (n int) {
	for i := e.firstAttempt(f); i < attempt; i++ {
		if f.tx[i].Sent >= after && !f.inGap(i) {
			n++
		}
	}
	return n
}

// loss is the share of transmissions to a host that go unanswered: its own as far
// as it was measured, and else the run's.
func (e *engine) loss(h *host) float64 {
	return h.losses.trials(&h.silent).share(e.seen.share(priorLoss))
}

// likelyLoss is the loss as it may well be, where few answers tell of it.
func (e *engine) likelyLoss(h *host) float64 {
	return max(e.loss(h), (float64(h.losses.wasted)+0.5)/float64(h.losses.answers+h.losses.wasted+1))
}

// allowed is how many transmissions a probe may have. They follow the loss that
// was measured, so that a silent port of a host that answers elsewhere costs
// no more than it takes to tell silence from loss; of a host that never
// answered there is less to learn. One more is granted where an old connection
// stood in the way.
func (e *engine) allowed(f *flight) int {
	switch {
	case f.watches:
		return e.cfg.witnessAttempts()
	case f.rechecks:
		return e.cfg.recheckAttempts()
	}
	n, most := attemptsAt(e.loss(f.host)), e.cfg.Retries+1
	if e.amongLast(f.host) {
		n, most = binomial.Trials(e.loss(f.host), missedLast), most+e.cfg.last
	}
	switch h := f.host; {
	case h.persistence.needed(): // what is no retransmission is for nothing
		n = f.firstAlike() + 1 + attemptsAt(e.lossAgain(h.persistence))
	case h.losses.answers == 0:
		n = e.allowedInVain(h)
	}
	if t := f.host.trouble; t != nil {
		n = max(n, min(attemptsAt(t.errors.trials(&f.host.silent).share(priorLoss)), mostByErrors))
	}
	if len(f.tx) >= n && e.lacks(f) {
		n = len(f.tx) + 1
	}
	if n = min(n, most); f.outcome.Renewed() {
		n++
	}
	return min(n+f.inGaps(len(f.tx)), e.cfg.attempts())
}

// amongLast tells whether the ports without a verdict are few of those of a host to which much is lost, so that it costs
// little to be surer of them.
func (e *engine) amongLast(h *host) bool {
	return lastShare*uint32(h.flights) <= h.losses.answers && h.losses.answers > 0 && e.loss(h) >= muchLost
}

// allowedInVain is how many transmissions a probe may have whose host has answered on no
// port.
func (e *engine) allowedInVain(h *host) int {
	n := silentAttempts
	switch {
	case e.cfg.Search && !h.found.up:
		return e.worthSearching()
	case e.cfg.Search || e.cfg.HostsKnown: // it answers elsewhere
		n = max(n, attemptsAt(e.seen.share(priorLoss)))
	}
	if !e.cfg.Search && int(h.tally.ports)+int(h.flights) <= fewPorts {
		n++ // all that is asked of the host hangs on them
	}
	return n
}

// confidence is how sure the silence of a probe is.
func (e *engine) confidence(f *flight) float64 {
	if p := f.host.persistence; p.needed() {
		return confidence(e.lossAgain(p), int(f.same.last-f.same.first))
	}
	return confidence(e.loss(f.host), len(f.tx)-f.inGaps(len(f.tx)))
}

const (
	// shortestGuess bounds from below what the answers of other hosts make
	// believe of one that has not answered yet.
	shortestGuess = 200 * time.Millisecond
	guessFactor   = 4
	// fartherWait is how long after its first transmission a port is believed silent, however
	// near its host is: behind one address some ports may be much farther away than others
	// (a forwarded port, a proxy that connects first).
	fartherWait = time.Second
	// unsureWait is the least wait for the last answer of a host of few answers, and of one of none to a
	// retransmission.
	unsureWait = 400 * time.Millisecond
	// mostDoublings of the timeout: what is lost at random is not won by waiting,
	// and what is limited is the limiter's.
	mostDoublings = 2
	// manyAttempts in vain are waited for longer: what so many are lost to may be over
	// once others have had their answers.
	manyAttempts = 6
)

// doublings of the timeout of an attempt, from 0.
func doublings(attempt int) int { return min(attempt, mostDoublings) + max(0, attempt-manyAttempts+1) }

// patience is how long to wait for the answer to an attempt: after RFC 6298 by
// the host's own round trips. Before its first answer those that it is known by, or
// those of the others, are a guess, where there are any.
func (e *engine) patience(h *host, attempt int) time.Duration {
	wait := max(h.Wait(doublings(attempt), e.longest(h)), e.queueWait())
	near := cmp.Or(h.expected, e.Slowest)
	if h.Known() || near == 0 {
		return wait
	}
	return min(wait, max(guessFactor*near, shortestGuess, e.queueWait()))
}

// overdue is when the last transmission of a probe counts as not answered, as its
// host is known now. The silence of a host of which nothing was heard is not believed
// before the longest round trip has passed, however near the others are, and where a
// few answers alone tell of the way the last of its answers may take longer than they.
func (e *engine) overdue(f *flight) time.Duration {
	h, last := f.host, len(f.tx)-1
	attempt := last - e.firstAttempt(f)
	if f.asked && !f.outcome.Renewed() {
		return e.softDue(f)
	}
	due := f.tx[last].Sent + e.patience(h, attempt)
	more := len(f.tx) < e.allowed(f)
	if more && e.retransmits(f) {
		due = max(due, f.tx[last].Sent+h.retransmitAfter())
	}
	switch {
	case f.watches || more:
	case h.timed >= enoughTimes:
		due = max(due, f.tx[0].Sent+min(fartherWait, e.cfg.Timeout))
	case h.Known():
		due = max(due, f.tx[0].Sent+min(fartherWait, e.cfg.Timeout), f.tx[last].Sent+min(unsureWait, e.cfg.Timeout))
	case h.expected != 0: // by a reply of another kind
		due = max(due, f.tx[0].Sent+min(leastStay, e.cfg.MostTimeout))
	default:
		due = max(due, h.began+e.cfg.Timeout)
		if f.same.includes(last) { // which may be the first that the host lets count
			due = max(due, f.tx[last].Sent+min(unsureWait, e.cfg.Timeout))
		}
	}
	return due
}

// noteRoundTrip takes in how long an answer of a host took.
func (e *engine) noteRoundTrip(h *host, took time.Duration) {
	h.Sample(took)
	h.timed++
	e.near(h.SRTT)
}

// longest is how long an answer of a host may be waited for.
func (e *engine) longest(h *host) time.Duration {
	if !h.Known() {
		return e.cfg.Timeout
	}
	return max(e.cfg.Timeout, min(h.Timeout(), e.cfg.MostTimeout))
}

// near notes how far a host is. The first to answer tells of what was sent before, and
// waits as long as may be.
func (e *engine) near(took time.Duration) {
	first := e.Slowest == 0
	if e.Slowest = max(e.Slowest, took); !first {
		return
	}
	for _, id := range e.flights.all() {
		if f := e.flights.at(id); f.phase == phaseFlying {
			e.flights.expectBy(id, max(e.Now, e.overdue(f)))
		}
	}
}

// watchedRate is the rate, in packets a second, up to which own packets are
// watched as they leave: above it the better stamps cost too much.
const watchedRate = 20_000

// rampUp lets the rate follow what the network bears.
func (e *engine) rampUp() {
	if !e.RampUp() {
		return
	}
	if n, ok := e.Network.(watching); ok && e.Ramp.Rate > watchedRate && !e.unwatched {
		e.unwatched = true
		n.Unwatch()
	}
}

// watching is a network that can be told not to deliver own packets, as
// [netraw.Conn] can.
type watching interface{ Unwatch() error }
