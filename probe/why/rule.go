package why

// rule is a part of what a cause predicts. The first rule of a hypothesis that applies
// to a trial decides. Rules learn from each trial, so that the product of their
// predictions is the probability of all trials, marginalised over what the rules do
// not know (which flows are hit, say).
type rule interface {
	// modes are the possible courses of a trial with their probabilities; none where
	// the rule does not apply. In a mode without a dist the trial goes as if there
	// were no such cause.
	modes(t *Trial, into []weighted) []weighted
	// learn takes how probable what came was under each of these modes.
	learn(t *Trial, like []float64)
	// clone is a copy that learns independently.
	clone() rule
}

type weighted struct {
	p    float64
	d    *dist   // nil: as usual
	lost float64 // then, by how much more is lost on the way there
}

// mode is one way in which all trials of a kind may go.
type mode struct {
	p    float64
	d    func(t *Trial) *dist // nil result: as usual
	lost float64              // then, by how much more is lost on the way there
}

// always is a mode's dist that is the same for all trials.
func always(d *dist) func(*Trial) *dist { return func(*Trial) *dist { return d } }

// usual is the mode of no cause.
func usual(*Trial) *dist { return nil }

// of is what a mode says of a trial, with the probability that it is the one.
func (m *mode) of(p float64, t *Trial) weighted {
	w := weighted{p: p, d: m.d(t)}
	if w.d == nil {
		w.lost = m.lost
	}
	return w
}

// reweigh is Bayes' theorem.
func reweigh(p, like []float64) {
	sum := 0.0
	for i := range p {
		p[i] *= like[i]
		sum += p[i]
	}
	if sum == 0 {
		return
	}
	for i := range p {
		p[i] /= sum
	}
}
