package why

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Instrument makes trials.
type Instrument interface {
	// Run begins each trial of a batch at its After and returns them all with
	// what came; it returns when the last has ended and nothing is left open. What it
	// could not make has the outcome NotMade. An error ends the diagnosis; the
	// trials made so far come with it.
	Run(ctx context.Context, batch []Trial) ([]Trial, error)
	// Now is the time since the beginning of the diagnosis.
	Now() time.Duration
	// Sent is how many packets have left so far, and those that will close what is open.
	Sent() int
	// Closing is how long those take.
	Closing() time.Duration
	// End closes what is open, when nothing more will be asked.
	End()
}

// Latecomer is the answer to a trial that came when the trial was over.
type Latecomer struct {
	Trial   int // its ID
	Outcome Outcome
	Reply   Reply
}

// listener is an Instrument that takes in what comes late.
type listener interface {
	// Late is what came for trials that were given up since it was asked last.
	Late() []Latecomer
}

// Config says what is in question. Only Addrs must be set.
type Config struct {
	Target  string // as the user typed it, for texts
	Name    string // the same without the port
	Addrs   []Address
	Against bool          // trials of the role Against can be made
	Packets int           // budget; 0: 400
	Time    time.Duration // budget; 0: 30 s
	Rate    float64       // packets a second that the instrument sends at most; 0: no matter
	Hops    int           // the most hops that a trace looks at; 0: 16
	Only    []string      // names of the experiments that may be made; empty: all
	Sure    float64       // probability at which a cause is sure enough; 0: 0.996
	Seed    uint64        // of the estimate of information
	// Impossible are causes that this machine leaves no room for.
	Impossible []Code
	// Progress is told of each experiment before it is made; nil: nobody.
	Progress func(experiment string, cause Code, probability float64)
}

// Defaults of a Config.
const (
	DefaultPackets = 400
	DefaultTime    = 30 * time.Second
	defaultHops    = 16
	defaultSure    = 0.996
)

func (c Config) complete() Config {
	c.Packets = cmp.Or(c.Packets, DefaultPackets)
	c.Time = cmp.Or(c.Time, DefaultTime)
	c.Hops = cmp.Or(c.Hops, defaultHops)
	c.Sure = cmp.Or(c.Sure, defaultSure)
	return c
}

// run is one diagnosis under way.
type run struct {
	cfg         Config
	inst        Instrument
	experiments []Experiment
	k           *Knowledge
	p           *posterior
	rng         *rand.Rand
	records     []Record
	imagining   hypothesis    // memory of evidence, reused
	ids         int           // of trials, so far
	thinking    time.Duration // the longest that a choice has taken: a busy machine takes some of the run's time
}

// Run finds the cause. With an error of the instrument, or a cancelled ctx, comes the
// diagnosis of what was found by then.
func Run(ctx context.Context, inst Instrument, cfg Config) (*Diagnosis, error) {
	cfg = cfg.complete()
	r := &run{cfg: cfg, inst: inst, k: newKnowledge(&cfg), p: newPosterior(&cfg), rng: rand.New(rand.NewPCG(cfg.Seed, 0))}
	for _, e := range Experiments() {
		if len(cfg.Only) == 0 || slices.Contains(cfg.Only, e.Name) {
			r.experiments = append(r.experiments, e)
		}
	}
	err := r.first(ctx)
	for err == nil && ctx.Err() == nil {
		c, ok := r.confirm()
		if r.decided() && !ok {
			break
		}
		if !ok {
			c, ok = r.choose()
		}
		if !ok {
			break
		}
		err = r.make(ctx, &c)
	}
	inst.End()
	d := r.diagnosis()
	d.Complete = err == nil && ctx.Err() == nil
	return d, err
}

// first makes the experiments on whose outcome the plans of all others rest: this
// machine, which costs nothing, every address of the name, some flows, and some
// connections: later ones may find that those before have filled a queue. So more are
// held at once before that, where all is well so far.
func (r *run) first(ctx context.Context) error {
	for i := range r.experiments {
		switch r.experiments[i].Name {
		case "local", "names", "flows", "handshake", "hold":
			if r.experiments[i].Name == "hold" && r.k.failed() {
				continue
			}
			c, ok := r.candidate(&r.experiments[i])
			if !ok || r.decided() || !r.affords(&c) {
				continue
			}
			if err := r.make(ctx, &c); err != nil {
				return err
			}
		}
	}
	return nil
}

// confirm looks once more before a cause is taken for sure: at this machine's counters,
// which costs nothing, where on the way it dies, and whether SYNs still fare as they did.
func (r *run) confirm() (c candidate, ok bool) {
	if !r.decided() {
		return c, false
	}
	for i := range r.experiments {
		e := &r.experiments[i]
		if !r.confirms(e.Name) {
			continue
		}
		if c, ok = r.candidate(e); ok && r.affords(&c) {
			return c, true
		}
	}
	return c, false
}

func (r *run) confirms(experiment string) bool {
	code, _ := r.leader()
	switch experiment {
	case "local":
		return r.k.rounds[experiment] == 1
	case confirming:
		return true
	}
	return r.k.rounds[experiment] < count(r.p.causes[r.index(code)].Needs, experiment)
}

func count(list []string, word string) (n int) {
	for _, w := range list {
		if w == word {
			n++
		}
	}
	return n
}

// confirming is the experiment that is made when a cause is nearly sure, and at no other time.
const confirming = "again"

// make makes an experiment and takes in what came of it.
func (r *run) make(ctx context.Context, c *candidate) error {
	if r.cfg.Progress != nil {
		code, p := r.leader()
		r.cfg.Progress(c.Name, code, p)
	}
	batch := c.Plan(r.k, r.k.rounds[c.Name])[:len(c.plan)]
	r.k.rounds[c.Name]++
	for i := range batch {
		r.ids++
		batch[i].ID = r.ids
		batch[i].Experiment, batch[i].Hops, batch[i].Until = c.Name, r.hops(), max(r.cfg.Time-r.thinking, 1)
	}
	sent, began := r.inst.Sent(), r.inst.Now()
	done, err := r.inst.Run(ctx, batch)
	for i := range done {
		done[i].Experiment, done[i].batch = c.Name, fmt.Sprint(c.Name, r.k.rounds[c.Name])
	}
	at := len(r.k.Log)
	reread := r.k.add(done)
	if l, ok := r.inst.(listener); ok {
		reread = r.k.amend(l.Late()) || reread
	}
	r.records = append(r.records, Record{Name: c.Name, Packets: r.inst.Sent() - sent, Took: r.inst.Now() - began, from: at, to: len(r.k.Log)})
	if reread {
		r.reread()
	} else {
		r.p.take(c.Name, r.k.Log[at:])
	}
	return err
}

// reread begins again with what is known now.
func (r *run) reread() {
	r.p = newPosterior(&r.cfg)
	for _, rec := range r.records {
		r.p.take(rec.Name, r.k.Log[rec.from:rec.to])
	}
}

// affords reports whether an experiment fits into what is left of the budget.
func (r *run) affords(c *candidate) bool {
	packets, left := r.cfg.Packets-r.inst.Sent(), r.cfg.Time-r.thinking-r.inst.Now()-r.inst.Closing()
	return c.packets <= packets && c.took <= left
}

// hops is how far a trace looks.
func (r *run) hops() int {
	if d, known := r.k.hostDistance(&Trial{Kind: Trace}); known {
		return min(r.cfg.Hops, d+1)
	}
	return r.cfg.Hops
}

// leader is the most probable cause.
func (r *run) leader() (Code, float64) {
	p := r.p.probabilities()
	i := 0
	for j := range p {
		if p[j] > p[i] {
			i = j
		}
	}
	return r.p.causes[i].Code, p[i]
}

func (r *run) decided() bool {
	code, p := r.leader()
	return p >= r.cfg.Sure && code != Unknown && r.inst.Sent() > 0 || p >= 0.999 && code != Unknown
}
