package wide

import (
	"math"
	"time"

	"synscope/probe/internal/wire"
)

// pacing looks for the pace at which a run is done soonest, where packets are lost: loss
// that is the path's is the same at any pace, and asks for more probes; loss that the
// pace makes, in a queue that is full, goes with it. TCP halves what it has in flight at
// each loss (RFC 5681 §3.1), since it can do without knowing which of the two it is. A
// prober measures: the pace is halved for a trial, and stays so only if the loss falls by
// so much that the run is done no later, and is back at the pace before.
type pacing struct {
	full    float64       // the pace that was asked for; 0: it is not ours to change
	inOrder bool          // passes follow each other: nothing tells what a higher pace would lose
	rate    float64       // the pace now
	since   time.Duration // when it became that
	trial   trial
	next    [trialKinds]time.Duration // when a trial may begin
	pause   [trialKinds]time.Duration // how long after one in vain

	before passTimes     // the measurement of the pace before, for comparison
	tried  time.Duration // when the trial began
	during trials        // of probes that left since
	found  passTimes     // a lower pace that lost less, until that is known not to be chance

	lossy time.Duration // when the loss began that a lower pace is tried against
	saved losses        // what was measured before a higher one is tried
}

// trial is what is being tried.
type trial uint8

const (
	trialNone trial = iota
	trialSlower
	trialFaster
	trialBack // of the pace before once more: the loss may have changed by itself
	trialKinds
)

// passTimes are a pace, since when it was kept to, and what became of its probes.
type passTimes struct {
	rate  float64
	since time.Duration
	trials
}

const (
	lowestPace   = 4.0  // packets a second; a trial goes no lower
	trialLeast   = 30   // trials of probes, which tell a great difference
	trialMost    = 80   // and a smaller one
	muchLess     = 0.75 // the smallest that counts
	surely       = 4    // standard deviations
	trialLongest = 2 * time.Second
	firstPause   = 10 * time.Second
	longestPause = 10 * time.Minute

	mostIsLost, answeredShare = 0.75, 0.9

	// worthAll is how long a run may last that misses none of the ports which do not listen,
	// since their answers are limited; open ports are worth any time.
	worthAll = 3 * time.Minute
	// inOrderFor is how long a pass may last that ends before the next one begins.
	inOrderFor = time.Minute
)

func newPacing(c *Config) (p pacing) {
	if !c.FixedRate && !math.IsInf(c.Rate, 1) {
		p.full = c.Rate
	}
	p.rate = c.Rate
	for t := range p.pause {
		p.pause[t] = firstPause
	}
	return p
}

// note takes in what became of a probe that left at a time, while a pace is tried.
func (p *pacing) note(t trials, sent time.Duration) {
	switch {
	case sent >= p.since:
		p.during = p.during.plus(t)
	case sent >= p.before.since && sent < p.tried:
		p.before.trials = p.before.plus(t)
	}
}

// noteTrial takes in what an answer tells of the probe before the one that is answered. Of
// a SYN-ACK that may be a retransmission nothing is compared: while it was late, one that
// answers the probe before may have come as late.
func (w *run) noteTrial(ev *wire.Event, t trials) {
	clean := max(w.queue.known, w.limit.clean)
	if w.pacing.trial == trialNone && clean == 0 || t == (trials{}) {
		w.losses.add(t, w.now)
		return
	}
	sent, ok := w.sentAt(ev.Target, ev.Attempt-1)
	if clean > 0 && (!ok || sent < clean) {
		return
	}
	w.losses.add(t, w.now)
	if ok && w.pacing.trial != trialNone && !wire.Repeats(w.since(ev), 0) {
		w.pacing.note(t, sent)
	}
}

// pacePasses begins a trial of another pace where one is due, or ends it.
func (w *run) pacePasses() {
	p := &w.pacing
	switch {
	case p.full == 0:
	case p.trial != trialNone:
		w.endTrial()
	case w.awaitsPlaces():
	case w.losesMuch() && p.rate > lowestPace && w.now >= p.next[trialSlower]:
		w.beginTrial(trialSlower, w.slower())
	case w.queue.known > 0 || p.inOrder:
	case p.rate < p.full && !w.losesMuch() && w.now >= p.next[trialFaster]:
		w.beginTrial(trialFaster, w.faster())
	}
}

// slowed is the lower pace that was kept to last, 0 for none.
func (p *pacing) slowed() float64 {
	rate := p.rate
	if p.trial != trialNone {
		rate = p.before.rate
	}
	if p.full == 0 || rate >= p.full {
		return 0
	}
	return rate
}

// losesMuch tells whether the loss asks for more probes than a target gets anyway.
func (w *run) losesMuch() bool {
	t, _ := w.losses.measured()
	n, _ := t.count()
	return n >= trialLeast && w.losses.needs() > w.cfg.Retries+1
}

// slower is half of the pace, or as little as lets a pass take no longer than the time
// that probes of a target are apart: to be slower than that costs nothing. Where most is
// lost it is a little less than was answered: that passes a limit.
func (w *run) slower() float64 {
	free := float64(w.cfg.Plan.Count()-w.cfg.From) / w.timeout().Seconds()
	rate := min(w.pacing.rate/2, free)
	if t, _ := w.losses.measured(); t.share() > mostIsLost {
		rate = min(rate, answeredShare*min(w.pacing.rate, free)*(1-t.share()))
	}
	return max(rate, lowestPace)
}

// faster is twice the pace, or all where that is hardly more.
func (w *run) faster() float64 {
	if p := &w.pacing; 2.5*p.rate < p.full {
		return 2 * p.rate
	}
	return w.pacing.full
}

// trialSpan is how long a trial of a pace may last.
func (w *run) trialSpan(rate float64) time.Duration {
	return trialLongest + 3*w.timeout() + time.Duration(4*trialLeast/rate*float64(time.Second))
}

func (w *run) beginTrial(t trial, rate float64) {
	p := &w.pacing
	measured, since := w.losses.measured()
	if p.before.since != p.since { // not a step after a step
		p.lossy = since
	}
	p.saved = w.losses
	p.trial, p.before, p.during = t, passTimes{p.rate, p.since, measured}, trials{}
	p.tried = w.now
	w.setPace(rate)
}

func (w *run) setPace(rate float64) {
	w.pacing.rate, w.pacing.since = rate, w.now
	w.sender.order(func(o *orders) { o.rate = rate })
}

// goesLower has a trial go on at a lower pace still: less is lost, but not yet so little
// that slowness pays.
func (w *run) goesLower(now *passTimes) bool {
	if w.pacing.trial != trialSlower || !surelyLess(now.trials, w.pacing.before.trials) || now.rate <= lowestPace || attemptsAt(now.share()) <= w.cfg.Retries+1 {
		return false
	}
	w.pacing.during = trials{}
	w.setPace(w.slower())
	return true
}

// endTrial keeps the pace that is tried, goes back to the one before, or lets the trial
// go on.
func (w *run) endTrial() {
	p := &w.pacing
	now := passTimes{p.rate, p.since, p.during}
	n, _ := now.count()
	switch {
	case p.trial == trialBack:
		w.endBack(&now)
	case n < trialLeast && w.now-p.since < w.trialSpan(p.rate):
	case w.betterAt(&now) && w.limitsPace(&now):
	case w.betterAt(&now) && p.trial == trialSlower:
		p.found, p.trial, p.during = now, trialBack, trials{}
		w.setPace(p.before.rate)
	case w.betterAt(&now):
		w.keepPace()
	case w.goesLower(&now):
	case n >= trialMost || w.now-p.since >= w.trialSpan(p.rate):
		w.dropPace()
	}
}

// endBack keeps the lower pace that was found if the one before loses as much again as it did. Else the loss
// has gone by itself.
func (w *run) endBack(now *passTimes) {
	p := &w.pacing
	n, _ := now.count()
	switch {
	case n < trialMost && w.now-p.since < w.trialSpan(p.rate):
	case n < trialLeast || 2*now.share() >= p.before.share()+p.found.share():
		p.trial, p.during = trialSlower, p.found.trials
		w.setPace(p.found.rate)
		w.keepPace()
	default:
		p.trial = trialSlower
		w.dropPace()
	}
}

// betterAt tells whether the pace that is tried is the better one: a lower one where
// surely less is lost, a higher one where not surely more is.
func (w *run) betterAt(now *passTimes) bool {
	p := &w.pacing
	n, _ := now.count()
	if p.trial == trialFaster {
		return n >= trialMost && !surelyLess(p.before.trials, now.trials) && w.lasts(now) <= w.lasts(&p.before)
	}
	return surelyLess(now.trials, p.before.trials) && (w.lasts(now) <= w.lasts(&p.before) || w.misses(&p.before, now))
}

// surelyLess tells whether the loss of a is less than that of b by a quarter at least, and
// not by chance: it is asked again and again, so once in 700 times would be too often less.
func surelyLess(a, b trials) bool {
	n, lostA := a.count()
	m, lostB := b.count()
	if n < trialLeast || m < trialLeast {
		return false
	}
	x, y := lostA/n, lostB/m
	return x <= muchLess*y && y-x > surely*math.Sqrt(y*(1-y)*(1/n+1/m))
}

// lasts is how long a run lasts that gives each target as many probes as the loss asks
// for. A pass lasts as long as probes of a target are apart, at least.
func (w *run) lasts(p *passTimes) time.Duration {
	passes := min(attemptsAt(p.share()), w.cfg.MostRetries+1)
	pass := float64(w.cfg.Plan.Count()-w.cfg.From) / p.rate
	return time.Duration(float64(passes) * max(pass, w.timeout().Seconds()) * float64(time.Second))
}

// misses tells whether as many probes as are allowed miss open ports at the pace before, or
// others of which the pace now would miss none before long.
func (w *run) misses(before, now *passTimes) bool {
	if attemptsAt(before.share()) <= w.cfg.MostRetries+1 {
		return false
	}
	return before.open >= enoughOpen || w.lasts(now) <= worthAll
}

// keepPace has the loss measured at the new pace alone. What was sent at one that lost
// more is sent anew, as often as the new one asks for.
func (w *run) keepPace() {
	p := &w.pacing
	w.losses = losses{latest: p.during, began: p.since, previous: p.since}
	p.pause[p.trial] = firstPause
	p.next[trialFaster] = w.now + p.pause[trialFaster]
	if p.trial == trialSlower {
		w.passes = min(max(w.losses.needs(), w.cfg.Retries+1), w.cfg.MostRetries+1)
		p.inOrder = w.whole.bits != nil && w.passes <= w.cfg.Retries+1 && float64(w.cfg.Plan.Count()-w.cfg.From) <= p.rate*inOrderFor.Seconds()
		w.sender.order(func(o *orders) {
			o.back, o.since, o.passes, o.from, o.inOrder = true, p.lossy, w.passes, p.lossy, p.inOrder
		})
	}
	p.trial = trialNone
}

// dropPace goes back to the pace before. What was sent at a higher one is sent anew.
func (w *run) dropPace() {
	p := &w.pacing
	p.next[p.trial] = w.now + p.pause[p.trial]
	p.pause[p.trial] = min(2*p.pause[p.trial], longestPause)
	if p.trial == trialFaster {
		w.losses = p.saved
		tried := p.tried
		w.sender.order(func(o *orders) { o.back, o.since = true, tried })
	}
	p.trial = trialNone
	w.setPace(p.before.rate)
}
