package why

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
	// redrawn: the mode of a flow is drawn again after it was answered. That is so behind
	// balancers that keep a flow's backend in a table of connections, where our RST ends it.
	redrawn bool
	whole   []float64         // the probability of each way, where the scope is the run; nil: nothing was learnt
	known   map[int][]float64 // that by flow; nil: forgotten
	base    *choice           // of a clone: the original, which knows the rest and learns no more while there are clones
}

// probabilities are those of each way for a trial; nil where nothing was learnt of it.
func (c *choice) probabilities(t *Trial) []float64 {
	if c.scope == perRun {
		for ; c != nil; c = c.base {
			if c.whole != nil {
				return c.whole
			}
		}
		return nil
	}
	for key := flowKey(t); c != nil; c = c.base {
		if p, known := c.known[key]; known {
			return p
		}
	}
	return nil
}

func flowKey(t *Trial) int { return t.Flow*int(Against+1) + int(t.Role) + 1 }

func (c *choice) modes(t *Trial, into []weighted) []weighted {
	if !c.of(t) {
		return into
	}
	var known []float64
	if c.scope != perTrial {
		known = c.probabilities(t)
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

func (c *choice) learn(t *Trial, like []float64) {
	if c.scope == perTrial || len(c.ways) == 1 {
		return
	}
	if c.scope == perRun {
		if c.whole == nil {
			c.whole = c.inherited(t)
		}
		reweigh(c.whole, like)
		return
	}
	if c.known == nil {
		c.known = map[int][]float64{}
	}
	k := flowKey(t)
	if c.redrawn && t.Outcome != Silence {
		c.known[k] = nil
		return
	}
	p := c.known[k]
	if p == nil {
		p = c.inherited(t)
		c.known[k] = p
	}
	reweigh(p, like)
}

// inherited is a copy of what is known of a trial, to be changed.
func (c *choice) inherited(t *Trial) []float64 {
	p := make([]float64, len(c.ways))
	if copy(p, c.probabilities(t)) == 0 {
		for i := range p {
			p[i] = c.ways[i].p
		}
	}
	return p
}

func (c *choice) clone() rule {
	if c.scope == perTrial || len(c.ways) == 1 {
		return c
	}
	d := *c
	if d.known, d.whole = nil, nil; len(c.known) > 0 || c.whole != nil {
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
