package why

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// The next experiment is the one with the most expected information for its cost.
// The information of an experiment is the mean of log2(p'/p) over the causes, by their
// present probability, and over the outcomes that each predicts: p is the probability of
// the true cause before the experiment, p' after. It is estimated by drawing samples.

// candidate is an experiment that could be made next.
type candidate struct {
	*Experiment
	plan    []Trial
	packets int
	took    time.Duration
	bits    float64
}

// Bounds of the estimate.
const (
	draws      = 3    // outcomes drawn for each cause at least
	mostDrawn  = 30   // outcomes drawn where few causes matter: among few, one draw weighs much
	leaders    = 4    // causes that all others are compared with
	negligible = 4e-4 // probability below which a cause is left out
	mostTrials = 16   // of a plan that are drawn
	novelty    = 1.6  // factor for an experiment that was not made yet: nothing else rules out what it rules out
	leastBits  = 0.02
)

// choose finds the best next experiment within what is left; ok is false where none is worth it.
func (r *run) choose() (best candidate, ok bool) {
	began := r.inst.Now()
	defer func() { r.thinking = max(r.thinking, r.inst.Now()-began) }()
	score := 0.0
	for i := range r.experiments {
		c, possible := r.candidate(&r.experiments[i])
		if !possible || c.Name == confirming || !r.affords(&c) {
			continue
		}
		c.bits = r.information(c.plan)
		cost := 0.01 + float64(c.packets)/float64(r.cfg.Packets) + 1.5*c.took.Seconds()/r.cfg.Time.Seconds()
		if r.k.rounds[c.Name] == 0 {
			cost /= novelty
		}
		if s := c.bits / cost; c.bits >= leastBits && s > score {
			best, score, ok = c, s, true
		}
	}
	return best, ok
}

// candidate plans an experiment, if need be a smaller one than it would be.
func (r *run) candidate(e *Experiment) (c candidate, possible bool) {
	c, possible = r.whole(e)
	r.cut(&c)
	return c, possible
}

// whole plans an experiment without using up flows.
func (r *run) whole(e *Experiment) (c candidate, possible bool) {
	round := r.k.rounds[e.Name]
	if round >= e.Rounds {
		return c, false
	}
	flows := r.k.flows
	defer func() { r.k.flows = flows }()
	c = candidate{Experiment: e, plan: e.Plan(r.k, round)}
	r.cost(&c)
	return c, len(c.plan) > 0
}

// information is the expected information of a plan, in bits.
func (r *run) information(plan []Trial) (bits float64) {
	p := r.p.probabilities()
	order := r.byProbability(p)
	trials := r.imagined(plan)
	times := max(draws, mostDrawn/len(order))
	for _, truth := range order {
		for range times {
			drawn := draw(r.p.setting(truth, r.rng).clone(), trials, r.rng)
			bits += p[truth] / float64(times) * r.learned(drawn, truth, order, p)
		}
	}
	return bits
}

// byProbability are the causes that matter, the most probable first.
func (r *run) byProbability(p []float64) (order []int) {
	for i := range p {
		if p[i] > negligible {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	return order
}

// imagined are the trials of a plan with what the instrument would fill in: their times,
// and the connections held and completed until then.
func (r *run) imagined(plan []Trial) []Trial {
	list := slices.Clone(plan)
	slices.SortStableFunc(list, func(a, b Trial) int { return cmp.Compare(a.After, b.After) })
	now, completed, held := r.inst.Now(), r.completed(), 0
	for i := range list {
		t := &list[i]
		t.At, t.Held, t.Before, t.Completed = now+t.After, held, completed, completed
		_, known := r.k.hostDistance(t)
		t.unplaced = t.opens(Target) && !known
		t.far, _ = r.k.traceDistance(t)
		t.directionUnknown = r.k.directionUnknown()
		if t.Kind == Hold {
			held++
		}
		if t.Role == Target && t.Kind.completes() {
			completed++
		}
	}
	countBefore(list)
	if len(list) > mostTrials && list[0].Kind != Hold && list[len(list)-1].After > time.Second {
		list = list[:mostTrials]
	}
	return r.placed(list)
}

// countBefore counts anew what is completed before SYNs that leave while third ACKs are
// withheld.
func countBefore(list []Trial) {
	for i := range list {
		for j := range list[:i] {
			if o := &list[j]; o.Role == Target && o.Kind.completes() && o.Kind != Idle && o.At+o.Pause > list[i].At {
				list[i].Before--
			}
		}
	}
}

// placed adds, to a plan that would show how far the host is, a SYN whose answer
// can then be placed: it stands for all that were answered before.
func (r *run) placed(list []Trial) []Trial {
	_, known := r.k.hostDistance(&Trial{Kind: SYN, Role: Target, Outcome: SYNACK})
	shows := slices.ContainsFunc(list, func(t Trial) bool { return t.Kind == Echo || t.Kind == SYN && t.Role == Closed })
	if known || !shows || !r.k.answers() && r.k.count(func(t *Trial) bool { return t.Outcome == Reset }) == 0 {
		return list
	}
	return append(list, Trial{Kind: SYN, Flow: r.k.flows + 1, At: list[len(list)-1].At})
}

func (r *run) completed() int {
	return r.k.count(func(t *Trial) bool { return t.Role == Target && t.Kind.completes() && t.Outcome.answered() })
}

// draw draws the outcomes of trials by a hypothesis.
func draw(h *hypothesis, trials []Trial, rng *rand.Rand) []Trial {
	out := slices.Clone(trials)
	for i := range out {
		out[i].Outcome = h.draw(&out[i], rng)
		h.learn(&out[i])
	}
	return out
}

// learned is log2(p'/p) of the truth, compared with the leaders.
func (r *run) learned(drawn []Trial, truth int, order []int, p []float64) float64 {
	sum, rest := 0.0, 1.0
	mine := 0.0
	own := r.evidence(truth, drawn)
	for i, c := range order {
		if i >= leaders && c != truth {
			continue
		}
		like := own
		if c != truth {
			like = r.evidence(c, drawn)
		}
		w := p[c] * math.Exp(like-own)
		rest -= p[c]
		sum += w
		if c == truth {
			mine = w
		}
	}
	if mine == 0 || sum == 0 {
		return 0
	}
	return math.Log2(mine / (sum + math.Max(0, rest)) / p[truth])
}

// evidence is the log of how probable drawn outcomes are under a cause.
func (r *run) evidence(cause int, drawn []Trial) float64 {
	var logs []float64
	for _, s := range r.p.settings(cause) {
		h, log := s.h.cloneInto(&r.imagining), math.Log(s.weight)
		for i := range drawn {
			log += math.Log(h.learn(&drawn[i]))
		}
		logs = append(logs, log)
	}
	return logSum(logs)
}
