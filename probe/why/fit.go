package why

import "math"

// The most probable cause may still be wrong: if the true one is not among those known, one of
// these fits least badly. So its predictions are compared with the outcomes. The surprise at an
// outcome is the negative log of its probability. Its mean and variance over all possible
// outcomes are known, and for the true cause the sum over all trials is within a few standard
// deviations of the mean.

// surprise is by how many standard deviations the outcomes of trials are less probable under
// a hypothesis than it predicts on average. fresh has learnt nothing yet.
func surprise(fresh *hypothesis, trials []Trial) float64 {
	excess, variance := 0.0, 0.0
	for i := range trials {
		t := trials[i]
		mean, second := fresh.expected(t)
		excess += -math.Log(fresh.learn(&t)) - mean
		variance += second - mean*mean
	}
	return excess / math.Sqrt(variance+leastVariance)
}

// leastVariance keeps a few trials with almost certain outcomes from weighing too much.
const leastVariance = 4

// expected are the mean of the surprise at a trial's outcome and of its square.
func (h *hypothesis) expected(t Trial) (mean, second float64) {
	if r, _ := h.apply(&t); r < 0 {
		return 0, 0
	}
	sum := 0.0
	var ps [outcomes]float64
	for _, o := range possible(&t) {
		t.Outcome = o
		r, modes := h.apply(&t)
		if p := h.weigh(r, modes, &t, surroundings{scale: 1}); p > slack {
			ps[o] = p
			sum += p
		}
	}
	for _, p := range ps {
		if p > 0 {
			log := -math.Log(p)
			mean += p / sum * log
			second += p / sum * log * log
		}
	}
	return mean, second
}

// slack is the highest probability that counts as [floor], the room left for the unforeseen.
const slack = 4 * floor

// possible are the outcomes that a trial may be seen to have: that of Lossy, for example,
// stands for others where the host does not tell.
func possible(t *Trial) (list []Outcome) {
	for _, o := range likely(t.Kind) {
		if t.asSeen(o) == o {
			list = append(list, o)
		}
	}
	return list
}

// misfit is the surprise of the best hypothesis of a cause.
func (r *run) misfit(cause int) float64 {
	if len(r.p.hyps[cause]) == 0 || r.p.causes[cause].Code == Unknown {
		return 0
	}
	best := r.p.settings(cause)[0].h
	for _, h := range hypotheses(&r.p.causes[cause], r.cfg.Addrs, &scratch{}) {
		if h.variant == best.variant && h.loss == best.loss {
			return surprise(h, r.k.Log)
		}
	}
	return 0
}

// Bounds of doubt. The surprise of the true cause was 1.6 standard deviations at most in several
// hundred simulated runs, and 2.7 in one run in a real network: that costs it a tenth of its
// probability.
const (
	fitting    = 2.5 // standard deviations from which a cause is in doubt
	misfitting = 2.0 // and more, at which it would be wholly
	mostDoubt  = 0.6 // share of the probability that doubt takes at most: the cause is still the nearest
)

// doubt moves part of the probability of the leading cause to "none of the known causes", where
// the leader fits badly.
func (r *run) doubt(p []float64, leader int, misfit float64) {
	share := min(mostDoubt, max(0, (misfit-fitting)/misfitting))
	p[r.index(Unknown)] += share * p[leader]
	p[leader] *= 1 - share
}
