package wide

import (
	"slices"
	"sort"
	"time"
)

// trail remembers when a walk along the plan reached which position, as far
// back as its horizon and no finer than its grain. From it a run
// knows what it probed by when, without a table of probes.
type trail struct {
	from    uint64 // where the walk began
	horizon time.Duration
	grain   time.Duration
	marks   []mark // ascending; those before the horizon are dropped in time
	last    mark   // where the walk is
	forgot  bool   // some have been dropped
}

// mark says that by a moment everything before a position had been sent.
type mark struct {
	at  time.Duration
	pos uint64
}

const trailMarks = 100

// newTrail is one whose grain is a hundredth of its horizon.
func newTrail(horizon time.Duration, from uint64) trail {
	return newFineTrail(horizon, horizon/trailMarks, from)
}

func newFineTrail(horizon, grain time.Duration, from uint64) trail {
	return trail{from: from, horizon: horizon, grain: max(grain, 1), last: mark{pos: from}}
}

// reach notes a position. One that another follows within a grain is not kept;
// one that has been passed by a grain is, so that by never goes back.
func (t *trail) reach(now time.Duration, pos uint64) {
	if now-t.last.at >= t.grain {
		t.keep(t.last)
	}
	t.last = mark{now, pos}
	if n := len(t.marks); n == 0 || now-t.marks[n-1].at >= t.grain {
		t.keep(t.last)
	}
	if len(t.marks) >= 3*int(t.horizon/t.grain) {
		t.forget(now - t.horizon)
	}
}

func (t *trail) keep(m mark) {
	if n := len(t.marks); n == 0 || t.marks[n-1] != m {
		t.marks = append(t.marks, m)
	}
}

// forget drops the marks that the one before the horizon makes needless.
func (t *trail) forget(horizon time.Duration) {
	old := 0
	for old+1 < len(t.marks) && t.marks[old+1].at <= horizon {
		old++
	}
	t.marks = append(t.marks[:0], t.marks[old:]...)
	t.forgot = t.forgot || old > 0
}

// cutAt is a copy that was cut.
func (t *trail) cutAt(pos uint64) trail {
	c := *t
	c.marks = slices.Clone(t.marks)
	c.cut(pos)
	return c
}

// cut goes back to a position, as if no more had been sent.
func (t *trail) cut(pos uint64) {
	t.marks = slices.DeleteFunc(t.marks, func(m mark) bool { return m.pos > pos })
	t.last.pos = min(t.last.pos, pos)
}

// by is a position that had been reached by a moment: it may be too low,
// never too high.
func (t *trail) by(at time.Duration) uint64 {
	if t.last.at <= at {
		return t.last.pos
	}
	for i := len(t.marks) - 1; i >= 0; i-- {
		if t.marks[i].at <= at {
			return t.marks[i].pos
		}
	}
	return t.from
}

// passed is a moment by which the walk was beyond a position; ok is false while
// it is not.
func (t *trail) passed(pos uint64) (at time.Duration, ok bool) {
	if i := t.beyond(pos); i < len(t.marks) {
		return t.marks[i].at, true
	}
	return t.last.at, t.last.pos > pos
}

// beyond is the first mark that is beyond a position, as many as there are where none is.
func (t *trail) beyond(pos uint64) int {
	return sort.Search(len(t.marks), func(i int) bool { return t.marks[i].pos > pos })
}

// when is the moment at which the walk was at a position, where it was even within a
// grain; ok is false while it has not come so far, and where that is forgotten.
func (t *trail) when(pos uint64) (at time.Duration, ok bool) {
	i := t.beyond(pos)
	if t.last.pos <= pos || i == 0 && t.forgot {
		return 0, false
	}
	before, after := mark{pos: t.from}, t.last
	if i < len(t.marks) {
		after = t.marks[i]
	}
	if i > 0 {
		before = t.marks[i-1]
	}
	began := max(before.at, after.at-t.grain)
	part := float64(pos+1-before.pos) / float64(after.pos-before.pos)
	return began + time.Duration(part*float64(after.at-began)), true
}
