package wide

import "time"

// beginLimit has the targets that have not answered asked at a pace, where that is not for too
// long.
func (w *run) beginLimit(rate float64) bool {
	w.limit.tried = true
	if rate = max(rate, lowestPace); float64(w.whole.left)/rate > worthAll.Seconds() || rate > w.pacing.full/2 {
		return false
	}
	w.anewAt(rate, w.cfg.Retries+1)
	w.stepAt(rate)
	return true
}

// anewAt has the targets that have not answered asked at a pace, so often each.
func (w *run) anewAt(rate float64, passes int) {
	w.passes = passes
	w.setPace(rate)
	skip := w.whole.snapshot()
	w.sender.order(func(o *orders) {
		o.back, o.fresh, o.since, o.skip, o.passes, o.inOrder = true, true, 0, skip, passes, true
	})
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
	pass := float64(w.whole.left) / w.pacing.rate
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
	w.pacing.inOrder = true
	w.beginRound(rate)
}

// beginRound has the targets that have not answered asked once more at a pace.
func (w *run) beginRound(rate float64) {
	w.limit.round = w.whole.left
	w.clear()
	w.anewAt(rate, 1)
}

// clear has the loss on the way measured by what is sent from now on alone.
func (w *run) clear() {
	w.limit.clean = w.now
	w.losses = losses{began: w.now, previous: w.now}
}

// follow ends a round that has been answered: the next one is for those that it left out,
// as long as half of them answer. Then all who are left get as many probes as usual.
func (w *run) follow() {
	l := &w.limit
	if w.sender.first().reached(w.now-w.lag()) < w.cfg.Plan.Count() {
		return
	}
	if 2*(l.round-w.whole.left) >= l.round {
		w.beginRound(w.pacing.rate)
		return
	}
	l.round = 0
	w.clear()
	w.anewAt(w.pacing.rate, w.cfg.Retries+1)
}
