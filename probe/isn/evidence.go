package isn

import (
	"math"
	"slices"

	"synscope/craft"
)

// wanders reports whether numbers that look drawn from a few correlate with the order in
// which they came: then they are a counter's.
func (v *view) wanders() bool {
	var x, y []float64
	for i := range v.points {
		x, y = append(x, float64(i)), append(y, float64(v.points[i].x.Sub(v.points[0].x)))
	}
	return len(x) >= leastCorrelated && dependence(x, y) > 2*timely
}

// repeatsTuples reports whether many numbers are the ones before on their tuples.
func (s *standing) repeatsTuples() bool {
	tuples := make(map[int]bool)
	for i, f := range s.ledger.fates {
		if f == repeated {
			tuples[s.view.points[i].tuple] = true
		}
	}
	return len(tuples) >= repeatsTuples && s.ledger.count[repeated]*repeatsMany > len(s.view.points)
}

// random reports whether the model is one of steps of any size, or of rising ones: these
// explain too much of numbers that are merely near each other.
func (s *standing) random() bool {
	return s.ledger != nil && s.drift == nil && s.steps == nil && !s.constant()
}

// onlyRepeats reports whether every tuple that was sampled again gave its number again.
func (s *standing) onlyRepeats() bool {
	last, other := make(map[int]*point), false
	again := 0
	for i := range s.view.points {
		p := &s.view.points[i]
		if q := last[p.tuple]; q != nil {
			other = other || q.x != p.x
			again++
		}
		last[p.tuple] = p
	}
	return !other && again >= repeatsTuples
}

// loosest is by how many times its scale the median number may be off a clock's line: the
// tail that is allowed for late packets also explains numbers that are merely near each
// other. Beside a step less than smallOfStep of it does not matter, unless most numbers cost
// loosestBits, which is nearly as much as unexplained ones.
const (
	loosest     = 3
	loosestBits = 20
	smallOfStep = 0.01
)

// loose reports whether a clock's numbers lie far off its line, for what their moments
// are known to.
func (s *standing) loose() bool {
	var off, bits []float64
	if s.drift.quantum > 1 {
		return false // they are on it, or it is impossible
	}
	for i, f := range s.ledger.fates {
		if j := s.ledger.strand[i]; f == joined && j >= 0 {
			p, st := &s.view.points[i], &s.ledger.all[s.ledger.groups.of[i]][j]
			r := wrap(s.drift.moving(p) - st.center)
			step, scale := math.Abs(s.drift.step), s.drift.spread(p)+s.drift.grain(st)
			if step > scale/smallOfStep {
				r -= step * math.Round(r/step) // connections of others', or lost
			}
			off, bits = append(off, math.Abs(r)/max(scale, smallOfStep*step)), append(bits, s.ledger.bits[i])
		}
	}
	return len(off) > 0 && (median(off) > loosest || s.drift.step != 0 && median(bits) > loosestBits)
}

// even reports whether nearly all gaps between direct successors are equally long: then
// time and the count of connections cannot be told apart.
func (v *view) even() bool {
	var gaps []float64
	for i := 1; i < len(v.points); i++ {
		if v.points[i].k == v.points[i-1].k+1 {
			gaps = append(gaps, v.points[i].t-v.points[i-1].t)
		}
	}
	if len(gaps) < 3 {
		return true
	}
	slices.Sort(gaps)
	return gaps[len(gaps)*9/10] < 1.5*gaps[len(gaps)/10]+1e-3
}

// timely is the square of the t statistic from which steps are said to go with the
// time since the last one, of leastCorrelated steps or more.
const (
	timely          = 12
	leastCorrelated = 6
)

// growsWithTime reports whether the steps of a counter are the longer the more time
// has passed: a clock, or other people's connections, move it too. seen is whether
// the samples could show it.
func (s *standing) growsWithTime() (grows, seen bool) {
	var x, y []float64
	s.along(func(was, p *point) {
		if p.k == was.k+1 || s.key != 0 {
			x, y = append(x, p.t-was.t), append(y, float64(uint32(p.x-was.x)))
		}
	})
	if len(x) < leastCorrelated {
		return false, false
	}
	mean, deviation := meanAndDeviation(x)
	if deviation < leastUneven*mean {
		return false, false
	}
	return rises(x, y, timely), true
}

// keepsTime reports whether the steps of a counter came as evenly as ticks: then a clock
// whose ticks are as large, or a fraction of that, explains them as well. With even ticks
// no number is more than one tick off the line.
func (s *standing) keepsTime() bool {
	step := float64(magnitude(s.steps.a))
	steps, time, unsure := 0.0, 0.0, 0.0
	s.along(func(was, p *point) {
		steps, time = steps+float64(magnitude(p.x.Sub(was.x)))/step, time+p.t-was.t
		unsure = max(unsure, p.u)
	})
	if steps == 0 {
		return false
	}
	period := time / steps
	at, low, high := map[[2]int]float64{}, map[[2]int]float64{}, map[[2]int]float64{}
	s.along(func(was, p *point) {
		strand := s.strandAt(p.row)
		at[strand] += p.t - was.t - period*float64(magnitude(p.x.Sub(was.x)))/step
		low[strand], high[strand] = min(low[strand], at[strand]), max(high[strand], at[strand])
	})
	for strand := range at {
		if high[strand]-low[strand] > period+2*unsure {
			return false
		}
	}
	return true
}

// strandAt names the strand of the point at i.
func (s *standing) strandAt(i int) [2]int { return [2]int{s.ledger.groups.of[i], s.ledger.strand[i]} }

// risesWithTime reports whether the steps of a counter grow as time goes by, as those
// of a step that counts time do.
func (s *standing) risesWithTime() bool {
	var x, y []float64
	s.along(func(was, p *point) { x, y = append(x, p.t), append(y, float64(uint32(p.x-was.x))) })
	return len(x) >= leastCorrelated && rises(x, y, 2*timely)
}

// steady reports whether the most common difference is the same in both halves of the
// samples: then no step rose.
func (s *standing) steady() bool {
	list := s.view.points
	half := len(list) / 2
	early, late := commonest(list[:half]), commonest(list[half:])
	return early == late && early != 0
}

// commonest is the most frequent difference of direct successors, 0 where none came twice.
func commonest(list []point) (most int32) {
	votes := make(map[int32]int)
	for i := 1; i < len(list); i++ {
		d := list[i].x.Sub(list[i-1].x)
		if votes[d]++; list[i].k == list[i-1].k+1 && votes[d] > max(votes[most], 1) {
			most = d
		}
	}
	return most
}

// variesAtOnce reports whether the steps of connections right after one another
// differ by more than time, a common step or other people's connections could make
// them: then they are random.
func (s *standing) variesAtOnce() bool {
	var close []float64
	grown, time := 0.0, 0.0
	s.along(func(was, p *point) {
		d, dt := float64(uint32(p.x-was.x)), p.t-was.t
		grown, time = grown+d, time+dt
		if p.k == was.k+1 && dt < closeGap {
			close = append(close, d)
		}
	})
	if len(close) < leastClose {
		return false
	}
	step, slack := slices.Min(close), 2+grown/time*closeGap
	odd := 0
	for _, d := range close {
		if math.Abs(d-step*math.Round(d/step)) > slack {
			odd++
		}
	}
	return odd >= leastClose-1 && 2*odd >= len(close)-1
}

// drawsAtOnce reports whether numbers right after one another mostly are other ones than
// followed before: then they are no cycle of which other people take some.
func (v *view) drawsAtOnce() bool {
	next, same, other := make(map[craft.Seq]craft.Seq), 0, 0
	for i := 1; i < len(v.points); i++ {
		was, p := &v.points[i-1], &v.points[i]
		if p.k != was.k+1 || p.t-was.t > closeGap {
			continue
		}
		switch x, ok := next[was.x]; {
		case ok && x == p.x:
			same++
		case ok:
			other++
		}
		next[was.x] = p.x
	}
	return v.timed && other >= 2 && other > 2*same
}

// closeGap is the longest time, in s, between connections right after one another,
// and leastClose how many of them are needed.
const (
	closeGap   = 5e-3
	leastClose = 4
)

// exact reports whether every step of a counter was one of ours.
func (s *standing) exact() bool {
	if s.steps == nil || s.steps.a == 0 {
		return false
	}
	ok := true
	s.along(func(was, p *point) {
		d := magnitude(p.x.Sub(was.x)) / magnitude(s.steps.a)
		ok = ok && d <= uint32(max(p.k-was.k, 1))
	})
	return ok
}
