package isn

import (
	"math"
	"slices"

	"synscope/craft"
)

// blindGuesses cover half of all sequence numbers.
const blindGuesses = 1 << 31

// luckyGuesses is what a predictor must beat to be taken for more than luck:
// half of a few random numbers are seldom so near to anything.
const luckyGuesses = 1 << 28

// predictor guesses the ISN of a new connection, that of points[i], from what
// was sampled before it. It may know when the connection is opened and from
// where, because a forger opens it himself.
type predictor func(points []point, i int) (craft.Seq, bool)

// predictors are what a sampler at our place could do without knowing the
// class; the class's own predictor is added to them.
func predictors(v *view, own func([]point) (craft.Seq, bool)) []predictor {
	list := []predictor{lastValue, lastStep, movingLine}
	if own != nil {
		list = append(list, func(points []point, i int) (craft.Seq, bool) {
			if points[i].k != points[i-1].k+1 {
				return 0, false
			}
			return own(points[:i])
		})
	}
	return list
}

// lastValue guesses that nothing changes.
func lastValue(points []point, i int) (craft.Seq, bool) { return points[i-1].x, true }

// lastStep adds the median of the last differences to the last number.
func lastStep(points []point, i int) (craft.Seq, bool) {
	from := max(0, i-12)
	var d []float64
	for j := from + 1; j < i; j++ {
		d = append(d, float64(points[j].x.Sub(points[j-1].x)))
	}
	if len(d) < 2 {
		return 0, false
	}
	return points[i-1].x.Add(uint32(int64(median(d)))), true
}

// movingLine extends the line through the last numbers to the moment of the
// next, over all tuples.
func movingLine(points []point, i int) (craft.Seq, bool) {
	recent := points[max(0, i-24):i]
	if len(recent) < 4 {
		return 0, false
	}
	l := fitLine([][]point{recent}, 1)
	if l.offset == nil || l.inliers*2 < l.total {
		return 0, false
	}
	at := l.offset[0] + l.hz*(points[i].t-recent[0].t)
	return recent[0].x.Add(uint32(int64(math.Round(wrap(at))))), true
}

// mostHeldOut bounds how many connections are predicted.
const mostHeldOut = 40

// guesses returns how many guesses, nearest first, cover half of the held-out
// truths under the best predictor: the first half of the new tuples' samples
// chooses the predictor, the second half says how good it is.
func guesses(v *view, own func([]point) (craft.Seq, bool)) (float64, bool) {
	held := v.newcomers()
	if len(held) < 4 {
		return 0, false
	}
	list := predictors(v, own)
	half := len(held) / 2
	best, least := -1, float64(luckyGuesses)
	for i, p := range list {
		if g := p.cost(v.points, held[:half]); g < least {
			best, least = i, g
		}
	}
	if best < 0 {
		return blindGuesses, true
	}
	g := list[best].cost(v.points, held[half:])
	return cond(g < 2*luckyGuesses, g, blindGuesses), true
}

// newcomers lists the points that are the first of their tuple and have at
// least four points before them. Where a sample is the last of many, the
// spread of the held-out ones is kept.
func (v *view) newcomers() []int {
	var out []int
	for _, t := range v.tuples {
		if t[0] >= 4 {
			out = append(out, t[0])
		}
	}
	slices.Sort(out)
	if n := len(out); n > mostHeldOut {
		stride := n / mostHeldOut
		for i := range mostHeldOut {
			out[i] = out[i*stride]
		}
		out = out[:mostHeldOut]
	}
	return out
}

// cost is the median number of guesses over the held-out points: a truth at
// distance e is found after 2e + 1 guesses to both sides of the prediction.
func (p predictor) cost(points []point, held []int) float64 {
	costs := make([]float64, len(held))
	for i, h := range held {
		costs[i] = blindGuesses
		if x, ok := p(points, h); ok {
			costs[i] = min(2*float64(magnitude(points[h].x.Sub(x)))+1, blindGuesses)
		}
	}
	return median(costs)
}

// shownEntropy is how many bits of entropy a sample of different numbers
// proves: a store smaller than n^2/2 would have shown a collision, but no more
// than log2 n is claimed; numbers that came again count by the most common.
func shownEntropy(points []point) float64 {
	count := make(map[craft.Seq]int)
	most := 0
	for _, p := range points {
		count[p.x]++
		most = max(most, count[p.x])
	}
	return math.Log2(float64(len(points)) / float64(most))
}
