package why

import "slices"

// rule is a part of what a cause predicts. The rules of a hypothesis are asked in
// order; what the first that applies says, holds. They learn from each trial, so
// that the product of their predictions is the probability of all trials with
// what they do not know (which flows are hit, say) summed out.
type rule interface {
	// modes are the ways in which a trial may go, with the probability of
	// each; none where the rule does not apply. A mode without a dist goes as
	// if there were no such cause.
	modes(t *Trial, into []weighted) []weighted
	// learn takes how probable what came was under each of these modes.
	learn(t *Trial, like []float64)
	// clone is a rule that learns apart.
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

// scope says which trials share a mode.
type scope uint8

const (
	perRun   scope = iota // all of them: it is so, or it is not
	perFlow               // those of one flow
	perTrial              // none: chance decides each time
)

// choice is a rule by which trials go one of several ways.
type choice struct {
	of    func(t *Trial) bool
	scope scope
	ways  []mode
	// redrawn: a flow that was answered goes any way the next time. So do balancers
	// that keep a flow's backend in a table of connections, from which our RST takes it.
	redrawn bool
	known   map[int][]float64 // the probability of each way, by flow; 0 of all; nil: forgotten
	base    *choice           // what it is a clone of, which knows the rest and learns no more while there are clones
}

// probabilities are those of each way for a flow; nil where nothing was learnt of it.
func (c *choice) probabilities(key int) []float64 {
	for ; c != nil; c = c.base {
		if p, known := c.known[key]; known {
			return p
		}
	}
	return nil
}

func (c *choice) key(t *Trial) int {
	if c.scope == perRun {
		return 0
	}
	return t.Flow*int(Against+1) + int(t.Role) + 1
}

func (c *choice) modes(t *Trial, into []weighted) []weighted {
	if !c.of(t) {
		return into
	}
	var known []float64
	if c.scope != perTrial {
		known = c.probabilities(c.key(t))
	}
	for i := range c.ways {
		p := c.ways[i].p
		if known != nil {
			p = known[i]
		}
		into = append(into, c.ways[i].of(p, t))
	}
	return into
}

// of is what a mode says of a trial, with the probability that it is the one.
func (m *mode) of(p float64, t *Trial) weighted {
	w := weighted{p: p, d: m.d(t)}
	if w.d == nil {
		w.lost = m.lost
	}
	return w
}

func (c *choice) learn(t *Trial, like []float64) {
	if c.scope == perTrial || len(c.ways) == 1 {
		return
	}
	if c.known == nil {
		c.known = map[int][]float64{}
	}
	k := c.key(t)
	if c.redrawn && t.Outcome != Silence {
		c.known[k] = nil
		return
	}
	if c.known[k] == nil {
		c.known[k] = c.inherited(k)
	}
	reweigh(c.known[k], like)
}

// inherited is a copy of what is known of a flow, to be changed.
func (c *choice) inherited(key int) []float64 {
	p := make([]float64, len(c.ways))
	if copy(p, c.probabilities(key)) == 0 {
		for i := range p {
			p[i] = c.ways[i].p
		}
	}
	return p
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

func (c *choice) clone() rule {
	if c.scope == perTrial || len(c.ways) == 1 {
		return c
	}
	d := *c
	if d.known = nil; len(c.known) > 0 {
		d.base = c
	}
	return &d
}

// when is a rule of one way: what it applies to goes like that.
func when(of func(*Trial) bool, d *dist) rule {
	return &choice{of: of, ways: []mode{{p: 1, d: always(d)}}}
}

// partly is a rule by which a share of the flows, or of the trials, goes like d.
func partly(of func(*Trial) bool, s scope, p float64, d *dist) rule {
	return &choice{of: of, scope: s, ways: []mode{{p: p, d: always(d)}, {p: 1 - p, d: usual}}}
}

// toTarget tells whether a trial begins with a SYN to the port in question.
func toTarget(t *Trial) bool { return t.opens(Target) }

// toHost tells whether it sends anything to the host.
func toHost(t *Trial) bool {
	return t.Role != Against && t.Kind != Trace && t.Kind != Local
}

// toHostTCP leaves echo requests out.
func toHostTCP(t *Trial) bool { return toHost(t) && t.Kind != Echo }

// anything tells whether a trial sends anything, to whomever.
func anything(t *Trial) bool { return t.Kind != Trace && t.Kind != Local }

// newFlow tells whether it begins with a packet that no connection was opened for.
func newFlow(t *Trial) bool { return toHost(t) }

func isFact(f ...Fact) func(*Trial) bool {
	return func(t *Trial) bool {
		if t.Kind != Local {
			return false
		}
		for _, g := range f {
			if t.Fact == g {
				return true
			}
		}
		return false
	}
}

func isKind(k Kind, r Role) func(*Trial) bool {
	return func(t *Trial) bool { return t.Kind == k && t.Role == r }
}

// isSYNTo tells whether a trial is a lone SYN to a port of one of some roles.
func isSYNTo(roles ...Role) func(*Trial) bool {
	return func(t *Trial) bool { return t.Kind == SYN && slices.Contains(roles, t.Role) }
}
