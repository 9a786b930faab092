package wide

import (
	"math"
	"time"

	"synscope/internal/binomial"
	"synscope/probe/internal/wire"
)

// limit finds the pace that passes where most of what is sent goes unanswered since
// something lets through so many packets a second (a token bucket, a limit of RSTs or SYNs).
// It shows in two ways: repeated probes are answered where the first were not, or, where
// each pass empties the same bucket anew, answers come to the targets at the head of the
// order alone, which chance does not do. Or a trial of a lower pace shows that less is lost at it.
// Then as many probes leave a second as were answered, and while a larger share of them is
// answered so, fewer. Who has answered is not asked again: whatever passes, passes for another.
// It is for plans of which is known who has answered; the zero value has seen no limit.
type limit struct {
	answers int     // to first probes
	places  float64 // of these in the plan, from 0 to 1, added up

	tried  bool
	began  time.Duration // of the step under way; 0: none is
	from   uint64        // the place from which on it is measured; 0: not yet
	since  time.Duration // and since when
	fresh  []uint64      // the places of targets that answered first to what left since then
	need   float64       // the share of targets that has to answer, at least
	share  float64       // that answered in the step before; 0: there was none
	before float64       // the pace then
	round  uint64        // targets that were to answer in the round under way; 0: none is
	clean  time.Duration // since when the loss is the way's; 0: it always was
}

const (
	crowdedLeast = 5    // answers
	crowdedSigns = -2.6 // standard deviations by which their places are too near
	crowdedPace  = 1.5  // times as many a second as were answered, since the bucket was full at times
	limitedLeast = 6    // targets that a step has asked
	mostlyLost   = 0.7  // of the answers to repeated probes so many had one before in vain
	mostlySure   = 2    // standard deviations
	stepTargets  = 40
	stepSure     = 3           // standard deviations
	stepSettles  = time.Second // a bucket that has filled meanwhile is emptied
	stepLeast    = 0.04        // share of the targets that answer where their places, or a trial, have told of a limit
	stepWell     = 0.85        // share with which a pace is right
	stepBetter   = 1.25        // times as large a share at a lower pace, or it is right no longer
)

// placeLimit takes in the first answer of a target, if its place is known.
func (w *run) placeLimit(ev *wire.Event) {
	at, ok := w.near.plan.Index(ev.Target)
	if !ok || at < w.cfg.From {
		return
	}
	sent, _ := w.sender.when(ev.Attempt, at)
	w.noteLimit(ev.Attempt, at, sent)
}

// noteLimit takes in the first answer of a target.
func (w *run) noteLimit(attempt int, at uint64, sent time.Duration) {
	l := &w.limit
	if attempt == 0 {
		l.answers++
		l.places += float64(at-w.cfg.From) / float64(w.cfg.Plan.Count()-w.cfg.From)
	}
	if l.from > 0 && sent >= l.since {
		l.fresh = append(l.fresh, at)
	}
}

// crowded tells whether the answers to first probes come to the head of the plan: the
// mean of so many even places has a standard deviation of 1/√(12n).
func (l *limit) crowded() bool {
	n := float64(l.answers)
	return l.answers >= crowdedLeast && (l.places/n-0.5)*math.Sqrt(12*n) <= crowdedSigns
}

// mindsLimits tells whether limits are looked for.
func (w *run) mindsLimits() bool {
	return w.pacing.trial == trialNone && w.limitable()
}

// limitable tells whether a limit can be followed, and has not been.
func (w *run) limitable() bool {
	return w.pacing.full > 0 && w.whole.bits != nil && w.queue.known == 0 && !w.limit.tried && w.near.plan != nil
}

// limitsPace takes a lower pace that is the better one for that of a limit, where it can be followed.
func (w *run) limitsPace(now *passTimes) bool {
	if w.pacing.trial != trialSlower || !w.limitable() {
		return false
	}
	w.limit.need = stepLeast
	if !w.beginLimit(now.rate * (1 - now.share())) {
		return false
	}
	w.pacing.trial = trialNone
	return true
}

// awaitsPlaces tells whether it will be known within a second which targets of the first
// pass have answered: their places may tell of a limit before a trial of another pace would.
func (w *run) awaitsPlaces() bool {
	return w.mindsLimits() && w.sender.shortOrdered() && !w.awaited()
}

// awaited tells whether all answers to the first pass have come.
func (w *run) awaited() bool {
	return w.sender.first().reached(w.now-w.timeout()) == w.cfg.Plan.Count()
}

// followLimit looks for a limit, and for the pace that passes; on tells that it is being
// looked for.
func (w *run) followLimit() (on bool) {
	l := &w.limit
	switch {
	case l.began > 0:
		w.step()
		return true
	case l.round > 0:
		w.follow()
		return true
	}
	if !w.mindsLimits() || w.now <= 0 {
		return false
	}
	sent, _ := w.sender.look()
	t, _ := w.losses.measured()
	n, lost := t.count()
	switch {
	case surelyMost(n, lost):
		passes, heard := (n-lost+1)/(n+1), float64(w.silence.heard)
		l.need = needed(max(passes, heard/float64(sent.sent)))
		return w.beginLimit(min(float64(sent.sent)*passes, 2*heard) / w.now.Seconds())
	case w.awaited() && l.crowded():
		l.need = stepLeast
		return w.beginLimit(crowdedPace * float64(w.silence.heard) / w.now.Seconds())
	}
	return false
}

// surelyMost tells whether most is lost, whatever chance has made of so few.
func surelyMost(n, lost float64) bool {
	low, _ := binomial.Interval(n, lost, mostlySure)
	return low >= mostlyLost
}

// needed is the share of the targets of a step that has to answer, for one of a share passes
// at the pace before: so much more that a path which loses as much at any pace does not
// show it by chance.
func needed(passes float64) float64 {
	chance := stepSure * math.Sqrt(passes*(1-passes)/stepTargets)
	return min(max(min(0.4, 2*passes), passes+chance), stepWell)
}
