package wide

import (
	"cmp"
	"slices"
)

// repeats is how often each part of a plan was gone back to, all passes together: a probe
// may be lost in an outage, but whoever feigns one outage after another has nobody probed
// more than a fixed number of times.
type repeats struct {
	most  int      // how often a target may be
	steps []repeat // in the order of positions, the first at 0
}

// repeat is how often what lies from a position to that of the next step was gone back to.
type repeat struct {
	pos   uint64
	times int
}

// mostSteps bounds what is remembered; the oldest parts become one, as often gone back to
// as the most often of them.
const mostSteps = 512

// repeatsEach is how often each of the probes that a target gets without loss may be
// repeated.
const repeatsEach = 2

func newRepeats(retries int) repeats {
	return repeats{most: repeatsEach * (retries + 1), steps: []repeat{{}}}
}

// floor is the lowest position from which a pass may go over everything up to another
// once more.
func (r *repeats) floor(from, to uint64) uint64 {
	for i, s := range r.steps {
		end := to
		if i+1 < len(r.steps) {
			end = min(to, r.steps[i+1].pos)
		}
		if s.times >= r.most && s.pos < to {
			from = max(from, end)
		}
	}
	return from
}

// add notes that a pass goes over a part of the plan once more.
func (r *repeats) add(from, to uint64) {
	if from >= to {
		return
	}
	first := r.cut(from)
	end := r.cut(to)
	for i := first; i < end; i++ {
		r.steps[i].times++
	}
	for len(r.steps) > mostSteps {
		r.steps[1].times = max(r.steps[0].times, r.steps[1].times)
		r.steps = slices.Delete(r.steps, 0, 1)
		r.steps[0].pos = 0
	}
}

// cut has a step begin at a position, and tells which it is.
func (r *repeats) cut(pos uint64) int {
	i, found := slices.BinarySearchFunc(r.steps, pos, func(s repeat, pos uint64) int { return cmp.Compare(s.pos, pos) })
	if !found {
		r.steps = slices.Insert(r.steps, i, repeat{pos, r.steps[i-1].times})
	}
	return i
}
