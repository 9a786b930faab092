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
// order alone, which chance does not do. Then as many probes leave a second as were
// answered, and while a larger share of them is answered so, fewer.
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
	clean  time.Duration // since when the loss is the way's; 0: it always was
}

const (
	crowdedLeast = 5    // answers
	crowdedSigns = -2.6 // standard deviations by which their places are too near
	limitedLeast = 6    // targets that a step has asked
	mostlyLost   = 0.7  // of the answers to repeated probes so many had one before in vain
	mostlySure   = 2    // standard deviations
	stepTargets  = 40
	stepSure     = 3           // standard deviations
	stepSettles  = time.Second // a bucket that has filled meanwhile is emptied
	stepLeast    = 0.04        // share of the targets that answer where their places have told of a limit
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
	return w.pacing.full > 0 && w.whole.bits != nil && w.queue.known == 0 && !w.limit.tried && w.pacing.trial == trialNone && w.near.plan != nil
}

// followLimit looks for a limit, and for the pace that passes; on tells that it is being
// looked for.
func (w *run) followLimit() (on bool) {
	l := &w.limit
	if l.began > 0 {
		w.step()
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
	case w.sender.first().reached(w.now-w.timeout()) == w.cfg.Plan.Count() && l.crowded():
		l.need = stepLeast
		return w.beginLimit(float64(w.silence.heard) / w.now.Seconds())
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

// beginLimit has all targets asked at a pace, where that is not for too long.
func (w *run) beginLimit(rate float64) bool {
	w.limit.tried = true
	if rate = max(rate, lowestPace); float64(w.whole.left)/rate > worthAll.Seconds() || rate > w.pacing.rate/2 {
		return false
	}
	w.anewAt(rate)
	w.stepAt(rate)
	return true
}

// anewAt has all targets asked at a pace, and no more often than usual.
func (w *run) anewAt(rate float64) {
	w.passes = w.cfg.Retries + 1
	w.setPace(rate)
	usual := w.passes
	w.sender.order(func(o *orders) { o.back, o.fresh, o.since, o.passes, o.inOrder = true, true, 0, usual, true })
}

// stepAt measures what is answered at a pace, once it has been kept to for a while.
func (w *run) stepAt(rate float64) {
	w.limit.began, w.limit.from = w.now, 0
	w.setPace(rate)
}

// step looks how many of the targets that had not answered did so at the pace of now.
func (w *run) step() {
	l, p := &w.limit, &w.pacing
	first := w.sender.first()
	ended := first.reached(w.now-w.timeout()) == w.cfg.Plan.Count()
	if l.from == 0 && w.now >= l.began+w.settles() {
		l.from, l.since, l.fresh = max(first.position(), 1), w.now, nil
	}
	fresh, asked := w.answeredOf(first.reached(w.now - w.timeout()))
	if !ended && (l.from == 0 || asked < stepTargets) {
		return
	}
	switch share := float64(fresh) / float64(max(asked, 1)); {
	case l.from == 0 || asked < limitedLeast: // all were asked too soon to tell
		w.endLimit(p.rate)
	case l.share == 0 && share < l.need:
		w.endLimit(p.full)
	case share >= stepWell || p.rate <= lowestPace:
		w.endLimit(p.rate)
	case l.share > 0 && share < stepBetter*l.share:
		w.endLimit(l.before)
	default:
		l.share, l.before = share, p.rate
		w.stepAt(max(p.rate*share, lowestPace))
	}
}

// settles is for how long a pace is kept to before it is measured, a third of the pass at
// most.
func (w *run) settles() time.Duration {
	pass := float64(w.cfg.Plan.Count()-w.cfg.From) / w.pacing.rate
	return min(stepSettles, time.Duration(pass/3*float64(time.Second)))
}

// answeredOf is how many of the targets up to a place that had not answered did so in this
// step, and of how many.
func (w *run) answeredOf(reached uint64) (fresh, asked int) {
	l := &w.limit
	for _, at := range l.fresh {
		if at >= l.from && at < reached {
			fresh++
		}
	}
	return fresh, fresh + w.whole.silent(l.from, reached)
}

// endLimit keeps a pace: what was lost before tells nothing of the loss on the way. At the
// full one there was no limit.
func (w *run) endLimit(rate float64) {
	w.limit.began = 0
	if rate == w.pacing.full {
		w.setPace(rate)
		w.sender.order(func(o *orders) { o.inOrder = false })
		return
	}
	w.limit.clean, w.pacing.inOrder = w.now, true
	w.losses = losses{began: w.now, previous: w.now}
	w.anewAt(rate)
}
