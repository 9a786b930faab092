package why

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"synscope/internal/binomial"
)

// Diagnosis is what was found.
type Diagnosis struct {
	Target      string
	Addrs       []Address
	Healthy     bool // more probably than not, nothing is wrong
	Causes      []Found
	Excluded    []Exclusion
	Experiments []Record
	SYNs        int             // usual SYNs to the target, one at a time
	Failed      int             // of those, how many failed
	MostFailing float64         // the failure rate that is excluded at 95 %; 1 where nothing was tried
	RTT         []time.Duration // of SYN-ACKs, sorted
	Packets     int
	Took        time.Duration
	Misfit      float64   // by how many standard deviations the outcomes differ from what the most probable cause predicts
	Untried     []Untried // experiments that would tell more, with a larger budget
	Complete    bool      // false: it was cut short
	Trials      []Trial
}

// Found is a cause and what speaks for it.
type Found struct {
	Code        Code
	Probability float64
	Where       string // empty: not known
	Text        string
	Evidence    []string
	Advice      string
	Commands    []string // of a shell, by which a person sees it as well
}

// Exclusion is a cause that is not it, and the experiment that said so.
type Exclusion struct {
	Code Code
	By   string
}

// Record is an experiment that was made.
type Record struct {
	Name    string
	Packets int
	Took    time.Duration
	Outcome string
	from    int
	to      int
}

// Bounds of what is reported.
const (
	mostCauses  = 4
	moreThanNot = 0.5 // probability from which a verdict is one
	leastShown  = 0.02
	excludedAt  = 0.01 // probability below which a cause is excluded
	strongBy    = 2.3  // log of the ratio by which an experiment has to speak against it: ten to one
	mostEvident = 2
)

func (r *run) diagnosis() *Diagnosis {
	p := r.p.probabilities()
	d := &Diagnosis{Target: r.cfg.Target, Addrs: r.cfg.Addrs, Packets: r.inst.Sent(), Took: r.inst.Now(), Trials: r.k.Log}
	for _, rec := range r.records {
		rec.Outcome = describe(r.k.Log[rec.from:rec.to])
		d.Experiments = append(d.Experiments, rec)
	}
	leader := r.byProbability(p)[0]
	d.Misfit = r.misfit(leader)
	r.doubt(p, leader, d.Misfit)
	order := r.byProbability(p)
	for i, c := range order {
		if i == 0 || i < mostCauses && p[c] >= leastShown {
			d.Causes = append(d.Causes, r.found(c, p[c], d.Experiments))
		}
	}
	if d.Causes[0].Code == Unknown && order[0] != leader {
		d.Causes[0].Text = fmt.Sprintf("none of the known causes explains all that was seen; the nearest is %s", r.p.causes[leader].Code)
	}
	d.Healthy = r.p.causes[order[0]].Code == Healthy && p[order[0]] >= moreThanNot
	d.Excluded = r.excluded(p, leader)
	d.Untried = r.untried()
	r.advise(&d.Causes[0], d.Untried)
	r.measure(d)
	return d
}

// Unsent is how this machine refused to send the usual SYNs to the target, all of them, which says nothing of the
// target; nil where one has left.
func (d *Diagnosis) Unsent() (err error) {
	for i := range d.Trials {
		t := &d.Trials[i]
		switch {
		case t.Kind != SYN || t.Role != Target || t.Look != Usual || t.Outcome == NotMade:
		case t.Reply.Refusal == nil:
			return nil
		default:
			err = t.Reply.Refusal
		}
	}
	return err
}

// Unblemished reports whether nothing speaks against the target, even if too little was tried to say
// that nothing is wrong.
func (d *Diagnosis) Unblemished() bool {
	return d.Healthy || d.SYNs > 0 && d.Failed == 0 && d.Causes[0].Code == Healthy
}

// measure counts the attempts to open a connection by a usual SYN, but for those in
// bursts.
func (r *run) measure(d *Diagnosis) {
	r.k.each(func(t *Trial) bool {
		return t.opens(Target) && t.Look == Usual && t.Experiment != "pace" && t.Kind != Kernel
	}, func(t *Trial) {
		d.SYNs++
		if t.Outcome.fails() {
			d.Failed++
		}
	})
	d.MostFailing = binomial.UpperBound(d.SYNs, d.Failed, 0.95)
	for a := range max(1, len(r.k.Addrs)) {
		d.RTT = append(d.RTT, r.k.rtts(a, anyTrial)...)
	}
	slices.Sort(d.RTT)
}

func (r *run) found(c int, p float64, made []Record) Found {
	cause := &r.p.causes[c]
	f := Found{Code: cause.Code, Probability: p}
	f.Text, f.Advice = cause.words(r.k)
	if cause.Where != nil {
		f.Where = cause.Where(r.k)
	}
	if cause.Commands != nil {
		f.Commands = cause.Commands(r.k)
	}
	f.Evidence = r.evident(c, made)
	return f
}

// evident are the experiments that speak most for a cause: against no cause, and
// against its strongest rival; for no cause, against any other.
func (r *run) evident(c int, made []Record) (list []string) {
	healthy := r.index(Healthy)
	var chosen []int
	if c == healthy {
		chosen = r.strongest(len(made), func(g *gain) float64 { return g.by[c] - slices.Min(finite(g.by)) })
	} else {
		rival := r.rival(c)
		chosen = append(r.strongest(mostEvident, func(g *gain) float64 { return g.by[c] - g.by[healthy] }),
			r.strongest(mostEvident, func(g *gain) float64 { return g.by[c] - g.by[rival] })...)
	}
	for _, i := range chosen {
		if text := made[i].Name + ": " + made[i].Outcome; !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// rival is the most probable other cause, no cause left out.
func (r *run) rival(c int) (rival int) {
	logs := r.p.logs()
	for i, l := range logs {
		if i != c && r.p.causes[i].Code != Healthy && (rival == c || r.p.causes[rival].Code == Healthy || l > logs[rival]) {
			rival = i
		}
	}
	return rival
}

// speaks is the log of the ratio from which an experiment is evidence.
const speaks = 0.7

// strongest are the places of up to n experiments of different names, by how much
// they speak for something.
func (r *run) strongest(n int, by func(*gain) float64) (list []int) {
	for i := range r.p.gains {
		if by(&r.p.gains[i]) > speaks {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(by(&r.p.gains[b]), by(&r.p.gains[a])) })
	seen := map[string]bool{}
	list = slices.DeleteFunc(list, func(i int) bool {
		again := seen[r.p.gains[i].experiment]
		seen[r.p.gains[i].experiment] = true
		return again
	})
	return list[:min(n, len(list))]
}

func (r *run) index(code Code) int {
	return slices.IndexFunc(r.p.causes, func(c Cause) bool { return c.Code == code })
}

// finite leaves out causes that are impossible here.
func finite(list []float64) (out []float64) {
	for _, v := range list {
		if v == v && v > -1e300 {
			out = append(out, v)
		}
	}
	return out
}

// excluded are the causes that some experiment spoke against.
func (r *run) excluded(p []float64, top int) (list []Exclusion) {
	for c := range p {
		if p[c] >= excludedAt || len(r.p.hyps[c]) == 0 || r.p.causes[c].Code == Unknown {
			continue
		}
		by, most := "", strongBy
		for _, g := range r.p.gains {
			if against := g.by[top] - g.by[c]; against > most {
				by, most = g.experiment, against
			}
		}
		if by != "" {
			list = append(list, Exclusion{r.p.causes[c].Code, by})
		}
	}
	return list
}
