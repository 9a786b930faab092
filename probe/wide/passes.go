package wide

import "slices"

// followLoss has the sender make as many passes over the plan as the loss asks
// for, and tells whether that is more than before. New passes begin where the loss
// began that was measured, so nothing has to be remembered of a target.
func (w *run) followLoss() (more bool) {
	if w.stopping || w.failure != nil || w.silence.since > 0 {
		return false
	}
	if w.followLimit() {
		return true
	}
	w.pacePasses()
	wanted := w.losses.passesFor(w.passes, w.cfg.Retries+1, w.cfg.MostRetries+1)
	if wanted == w.passes {
		return false
	}
	more = wanted > w.passes
	w.passes = wanted
	_, since := w.losses.measured()
	if more {
		w.silence.askedLast = false
	}
	w.sender.order(func(o *orders) { o.passes, o.from = wanted, since })
	return more
}

// rearrange does what was ordered about the passes, and reports whether they
// have to begin anew.
func (s *sender) rearrange() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.orders.back && s.orders.passes == 0 && s.orders.sources == nil && len(s.cursors) <= s.kept {
		return false
	}
	now := s.positions()
	from := slices.Clone(now)
	if s.orders.back {
		if s.orders.fresh {
			s.repeats, s.orders.fresh = newRepeats(s.cfg.Retries), false
			s.skip = s.orders.skip
		}
		s.orders.back = false
		from = s.goBack(from)
	}
	if s.orders.passes > 0 {
		from = s.setPasses(s.orders.passes, from)
		s.orders.passes = 0
	}
	if from = s.withoutEnded(from); !s.anew(from, now) {
		return false
	}
	s.from = from
	s.settled.cut(slices.Min(from))
	s.delayed.drop(from)
	s.neighbour.drop(from)
	s.status.finished, s.status.idle = false, false
	return true
}

// positions are those of all passes.
func (s *sender) positions() (at []uint64) {
	for _, c := range s.cursors {
		at = append(at, c.position())
	}
	return at
}

// goBack is where each pass was at the time that was ordered, or as far back as it may go.
func (s *sender) goBack(now []uint64) (from []uint64) {
	for i := range now {
		at := min(s.history[i].by(s.orders.since), now[i])
		if i > 0 {
			at = min(at, from[i-1])
		}
		at = s.repeats.floor(at, now[i])
		s.repeats.add(at, now[i])
		s.history[i].cut(at)
		from = append(from, at)
	}
	s.status.again += now[0] - from[0]
	s.highest = max(s.highest, now[0])
	s.neighbour.goBack()
	return from
}

// setPasses makes passes more, from where the last one was at the time that was
// ordered, or fewer: those that are too many end where the last one that stays is.
func (s *sender) setPasses(n int, from []uint64) []uint64 {
	if s.kept = n; n <= len(from) {
		s.stopAt = from[n-1]
		return from
	}
	last := len(from) - 1
	since := s.orders.from
	if since > 0 {
		since = max(since, s.now()-mostPatience(s.cfg.Timeout)) // as far back as is known
	}
	begin := min(max(s.history[last].by(since), s.stopAt), from[last]) // what is before has had as many
	for len(from) < n {
		from = append(from, begin)
		s.history = append(s.history, newTrail(mostPatience(s.cfg.Timeout), begin))
	}
	s.status.added++
	s.status.addedFrom = begin
	return from
}

// withoutEnded drops the passes that were too many, once all of them are where
// they end.
func (s *sender) withoutEnded(from []uint64) []uint64 {
	if len(from) <= s.kept || slices.Min(from[s.kept:]) < s.stopAt {
		return from
	}
	s.history = s.history[:s.kept]
	return from[:s.kept]
}

// endOf is where a pass ends.
func (s *sender) endOf(i int) uint64 {
	if i < s.kept {
		return s.cfg.Plan.Count()
	}
	return s.stopAt
}

// done is how far the passes have come on the average.
func (s *sender) done() (position uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, rest := uint64(s.kept), uint64(0)
	for i := range n {
		at := s.cfg.From
		if i < uint64(len(s.cursors)) {
			at = s.cursors[i].position()
		}
		position, rest = position+at/n, rest+at%n
	}
	return position + rest/n
}
