package isn

import (
	"cmp"
	"math"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe/isn/internal/weak"
)

// point is one answered sample as the estimators see it.
type point struct {
	x      craft.Seq
	t      float64 // s since the first sample: the middle of the exchange
	u      float64 // s: how far the host's own moment may lie from t
	late   float64 // s: half of what the RTT exceeds the median by, which a forger does not see
	k      int     // ordinal among all attempts, lost ones included
	tuple  int
	row    int // in the view
	index  int // in the samples as they were given
	sample *Sample
}

// view is a set of samples put in order, with what the estimators share.
type view struct {
	points []point
	tuples [][]int // indexes into points, by tuple, in order of time
	lost   int
	again  int     // answers that only repeat one before
	twice  int     // second numbers that SYNs were answered with, which nobody wrote down
	stale  int     // answers dropped by fresh
	timed  bool    // every point has a time
	unit   float64 // what a count of one is in the points' numbers: more than 1 where an encoding moves them up

	partitions map[factor]*partition
	typical    float64 // median uncertainty, once it was asked for
}

// newView orders the samples by their time of sending, drops exact copies and
// retransmitted answers, counts the lost and numbers the tuples. Samples
// without time keep the order of the file, and nothing is then said about clocks.
func newView(samples []Sample) *view {
	order := timeOrder(samples)
	v := &view{timed: len(order) > 0, unit: 1}
	ids := make(map[tuple]int)
	k := 0
	var before copies
	for _, i := range order {
		s := &samples[i]
		if before.has(s) {
			continue
		}
		if v.answeredAgain(s, ids) {
			v.again++
			continue
		}
		k++
		switch {
		case s.ISN.OK:
		case v.answeredTwice(s, ids):
			v.twice++
			continue
		default:
			v.lost++
			continue
		}
		v.add(s, i, k, ids)
	}
	v.setTimes()
	return v
}

// copies are the samples that were sent at one time: the first few, and all of many.
type copies struct {
	sent int64
	few  []*Sample
	many map[Sample]struct{}
}

// fewCopies are compared one by one.
const fewCopies = 8

// has reports whether a sample is the same as one before, of those sent at the same
// time. Samples come in the order of their times.
func (c *copies) has(s *Sample) bool {
	if !s.Sent.OK || !s.ISN.OK {
		return false
	}
	if c.sent != s.Sent.Value {
		*c = copies{sent: s.Sent.Value, few: c.few[:0]}
	}
	if slices.ContainsFunc(c.few, func(one *Sample) bool { return *one == *s }) {
		return true
	}
	if len(c.few) < fewCopies {
		c.few = append(c.few, s)
		return false
	}
	if c.many == nil {
		c.many = make(map[Sample]struct{})
	}
	_, again := c.many[*s]
	c.many[*s] = struct{}{}
	return again
}

// answeredAgain reports whether the answer is the one before on its tuple, to the same SYN:
// one of the two was retransmitted, or the half-open connection answered once more. No number
// was drawn for it.
func (v *view) answeredAgain(s *Sample, ids map[tuple]int) bool {
	list := v.onTuple(s, ids)
	if len(list) == 0 || !s.ISN.OK || !s.ClientISN.OK {
		return false
	}
	was := v.points[list[len(list)-1]].sample
	return was.ISN == s.ISN && was.ClientISN == s.ClientISN && was.Offer == s.Offer
}

// mostBack is how many SYNs later a second number may come.
const mostBack = 8

// answeredTwice reports whether a sample without a number stands for a second number that a SYN before on its
// tuple was answered with: it is to the same SYN, and nothing was sent. A SYN that is sent once more after its
// answer has its offer written down.
func (v *view) answeredTwice(s *Sample, ids map[tuple]int) bool {
	list := v.onTuple(s, ids)
	return s.ClientISN.OK && !s.Offer.OK && slices.ContainsFunc(list[max(0, len(list)-mostBack):], func(i int) bool {
		return v.points[i].sample.ClientISN == s.ClientISN
	})
}

// onTuple are the points before on the tuple of a sample.
func (v *view) onTuple(s *Sample, ids map[tuple]int) []int {
	if id, ok := ids[s.tuple()]; ok {
		return v.tuples[id]
	}
	return nil
}

// timeOrder lists the samples' indexes in the order in which they were sent.
func timeOrder(samples []Sample) []int {
	order := make([]int, len(samples))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		ta, oka := moment(&samples[a])
		tb, okb := moment(&samples[b])
		if !oka || !okb {
			return 0
		}
		return cmp.Compare(ta, tb)
	})
	return order
}

// moment is the stamp that orders a sample.
func moment(s *Sample) (int64, bool) {
	if s.Sent.OK {
		return s.Sent.Value, true
	}
	return s.Received.Value, s.Received.OK
}

// add appends an answered sample.
func (v *view) add(s *Sample, index, k int, ids map[tuple]int) {
	id, ok := ids[s.tuple()]
	if !ok {
		id = len(v.tuples)
		ids[s.tuple()] = id
		v.tuples = append(v.tuples, nil)
	}
	v.tuples[id] = append(v.tuples[id], len(v.points))
	v.points = append(v.points, point{x: s.ISN.Value, k: k, tuple: id, row: len(v.points), index: index, sample: s})
}

// blindUncertainty stands for half an RTT where nothing was measured, in s.
const blindUncertainty = 0.05

// setTimes fills t and u. Delay that all exchanges share shifts every t alike
// and harms no difference, so only what an RTT exceeds the shortest by is
// uncertain. The shortest has some excess too: a share of the median stands
// for it, and 20 µs for the host's own scheduling.
func (v *view) setTimes() {
	shortest, excess := v.excess()
	usual, grain := median(excess), v.grain()
	slack := 20e-6 + 0.3*usual + grain/2
	var first int64
	for i := range v.points {
		p := &v.points[i]
		at, ok := moment(p.sample)
		v.timed = v.timed && ok
		if i == 0 {
			first = at
		}
		p.t, p.u = float64(at-first)/1e9, blindUncertainty
		if rtt, ok := p.sample.RTT(); ok {
			p.t += (rtt.Seconds() + grain) / 2
			p.u = (rtt.Seconds()-shortest)/2 + slack
			p.late = (rtt.Seconds() - shortest - usual) / 2
		}
	}
}

// coarsest is the longest unit that stamps are taken to have been cut off to, in ns, and
// finest the shortest that matters.
const (
	coarsest = 10e9
	finest   = 1e3
)

// grain is the unit that all stamps were cut off to, in s: their greatest common divisor.
func (v *view) grain() float64 {
	var unit int64
	for i := range v.points {
		s := v.points[i].sample
		for _, at := range []Opt[int64]{s.Sent, s.Received} {
			for rest := at.Value; at.OK && rest != 0; {
				unit, rest = rest, unit%rest
			}
		}
	}
	if unit = max(unit, -unit); unit < finest || unit > coarsest || len(v.points) < leastGrained {
		return 0
	}
	return float64(unit) / 1e9
}

// leastGrained is how many points it takes to see to what unit stamps were cut off.
const leastGrained = 4

// excess returns the shortest RTT and every RTT's excess over it, in s.
func (v *view) excess() (shortest float64, excess []float64) {
	shortest = math.Inf(1)
	for i := range v.points {
		if rtt, ok := v.points[i].sample.RTT(); ok {
			excess = append(excess, rtt.Seconds())
			shortest = min(shortest, rtt.Seconds())
		}
	}
	for i := range excess {
		excess[i] -= shortest
	}
	return shortest, excess
}

// pick returns the points at the indexes.
func (v *view) pick(indexes []int) []point {
	out := make([]point, len(indexes))
	for i, j := range indexes {
		out[i] = v.points[j]
	}
	return out
}

// repeated returns the points of every tuple sampled at least n times.
func (v *view) repeated(n int) [][]point {
	var groups [][]point
	for _, t := range v.tuples {
		if len(t) >= n {
			groups = append(groups, v.pick(t))
		}
	}
	return groups
}

// fresh returns a view without the answers that repeat the one before on their
// tuple to the same SYN: where no cookie is at work they are one half-open
// socket that our reset did not reach, not two draws.
func (v *view) fresh() *view {
	f := &view{lost: v.lost, again: v.again, timed: v.timed, unit: v.unit, tuples: make([][]int, len(v.tuples))}
	last := make(map[int]*point)
	for i := range v.points {
		p := v.points[i]
		q := last[p.tuple]
		last[p.tuple] = &v.points[i]
		if q != nil && q.x == p.x && p.sample.ClientISN.OK && q.sample.ClientISN == p.sample.ClientISN {
			f.stale++
			continue
		}
		p.k -= f.stale
		p.row = len(f.points)
		f.tuples[p.tuple] = append(f.tuples[p.tuple], len(f.points))
		f.points = append(f.points, p)
	}
	return f
}

// head returns a view of about n points for what proposes models. Half of them are
// stretches of direct successors, their starts ever further apart up to the end, so
// that clocks can be unwrapped from short gaps to long; the others are some points
// of tuples of every address, taken evenly from all that came again.
func (v *view) head(n int) *view { return v.part(n, byTuple) }

// part is a head whose other half holds points of groups that came again under each of
// the keys.
func (v *view) part(n int, keys ...factor) *view {
	if len(v.points) <= n {
		return v
	}
	keep := make(map[int]bool, n)
	const stretches = 6
	length := n / 2 / stretches
	for i := range stretches {
		start := (len(v.points) - length) >> i
		if i == stretches-1 {
			start = 0
		}
		for j := range length {
			keep[start+j] = true
		}
	}
	for _, key := range keys {
		v.keepAgain(keep, key, n/2/len(keys))
	}
	return v.only(keep)
}

// keepAgain keeps about n points of groups that came again, a few of each, taken evenly
// from all of them in the order of our addresses.
func (v *view) keepAgain(keep map[int]bool, key factor, n int) {
	again := slices.DeleteFunc(v.groups(key).indexes(), func(g []int) bool { return len(g) < 2 })
	slices.SortStableFunc(again, func(a, b []int) int {
		return v.points[a[0]].sample.Src.Compare(v.points[b[0]].sample.Src)
	})
	const each = 5
	stride := max(1, len(again)*each/n)
	for i := 0; i < len(again); i += stride {
		t := again[i]
		few := min(each, len(t))
		for j := range few {
			keep[t[j*(len(t)-1)/max(few-1, 1)]] = true
		}
	}
}

// only returns a view of the points at the indexes.
func (v *view) only(keep map[int]bool) *view {
	h := &view{lost: v.lost, again: v.again, timed: v.timed, unit: v.unit}
	ids := make(map[int]int)
	for i, p := range v.points {
		if !keep[i] {
			continue
		}
		id, ok := ids[p.tuple]
		if !ok {
			id = len(h.tuples)
			ids[p.tuple] = id
			h.tuples = append(h.tuples, nil)
		}
		p.tuple, p.row = id, len(h.points)
		h.tuples[id] = append(h.tuples[id], len(h.points))
		h.points = append(h.points, p)
	}
	return h
}

// runs cuts the numbers where an attempt was lost between two of them: inside a
// run, each connection followed the one before it directly.
func (v *view) runs() (out [][]weak.Number) {
	for i := range v.points {
		p := &v.points[i]
		if i == 0 || p.k != v.points[i-1].k+1 {
			out = append(out, nil)
		}
		last := len(out) - 1
		out[last] = append(out[last], weak.Number{X: p.x, K: p.k})
	}
	return out
}

// median returns the median, 0 of nothing. It leaves xs as it is.
func median[T float64 | time.Duration](xs []T) T {
	if len(xs) == 0 {
		return 0
	}
	s := slices.Clone(xs)
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
