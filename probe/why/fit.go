package why

import "math"

// The most probable cause may be no good one: whatever is true, one of those that are known
// predicts it least badly. So what it has predicted is compared with what has come. The
// surprise at an outcome is the negative log of its probability, and its mean and
// variance over what might have come are known; added up over all trials the surprise of the
// true cause is off from its mean by a few standard deviations at most.

// surprise is by how many standard deviations what came was less probable, under a hypothesis,
// than what it lets come. fresh has learnt nothing yet.
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

// leastVariance keeps a few trials of whose outcome a cause is sure from weighing too much.
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
		r, ways := h.apply(&t)
		if p := h.weigh(r, ways, &t, surroundings{scale: 1}); p > slack {
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

// slack is up to where a probability is room that is left for what nobody thought of.
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

// Bounds of doubt. In several hundred simulated runs what came surprised the true cause by 1.6
// standard deviations at most, and by 2.7 in one run in a real network: that costs it a tenth of its
// probability.
const (
	fitting    = 2.5 // standard deviations from which a cause is in doubt
	misfitting = 2.0 // and more, at which it would be wholly
	mostDoubt  = 0.6 // it is still the nearest
)

// doubt gives part of the probability of the leading cause to that of none of those that are known,
// where what came would surprise it.
func (r *run) doubt(p []float64, leader int, misfit float64) {
	share := min(mostDoubt, max(0, (misfit-fitting)/misfitting))
	p[r.index(Unknown)] += share * p[leader]
	p[leader] *= 1 - share
}
