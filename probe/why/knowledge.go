package why

import (
	"cmp"
	"slices"
	"time"
)

// Knowledge is what is known in the course of a diagnosis.
type Knowledge struct {
	Target  string // as the user typed it
	Name    string // without the port
	Addrs   []Address
	Against bool    // there is a port that works, to compare with
	Log     []Trial // in the order in which they began; outcomes as refined by label.go
	raw     []Outcome
	flows   int
	rounds  map[string]int // of each experiment
}

func newKnowledge(cfg *Config) *Knowledge {
	return &Knowledge{Target: cfg.Target, Name: cfg.Name, Addrs: cfg.Addrs, Against: cfg.Against, rounds: map[string]int{}}
}

// newFlow is a flow that was not used yet.
func (k *Knowledge) newFlow() int { k.flows++; return k.flows }

// add takes in what an instrument did, and reports whether earlier trials have to be
// read differently now.
func (k *Knowledge) add(done []Trial) (reread bool) {
	done = slices.Clone(done)
	slices.SortStableFunc(done, func(a, b Trial) int { return cmp.Compare(a.At, b.At) })
	before := k.outcomes()
	for _, t := range done {
		if t.Outcome != NotMade {
			k.Log, k.raw = append(k.Log, t), append(k.raw, t.Outcome)
		}
	}
	k.label()
	return !slices.Equal(before, k.outcomes()[:len(before)])
}

// amend takes in answers to trials that came after they were given up, and reports whether
// any of these trials is known. A late answer to a connection's SYN says no more than that.
func (k *Knowledge) amend(list []Latecomer) (any bool) {
	for _, l := range list {
		for i := range k.Log {
			t := &k.Log[i]
			if t.ID != l.Trial || k.raw[i] != Silence || !t.opens(t.Role) || t.Kind == Kernel {
				continue
			}
			t.Kind, t.Reply, k.raw[i], any = SYN, l.Reply, l.Outcome, true
		}
	}
	if any {
		k.label()
	}
	return any
}

// seen is what a likelihood depends on.
type seen struct {
	o                Outcome
	unplaced         bool
	directionUnknown bool
	far              int
}

func (k *Knowledge) outcomes() []seen {
	list := make([]seen, len(k.Log))
	for i := range k.Log {
		list[i] = seen{k.Log[i].Outcome, k.Log[i].unplaced, k.Log[i].directionUnknown, k.Log[i].far}
	}
	return list
}

// each visits the trials of which a condition holds.
func (k *Knowledge) each(of func(*Trial) bool, visit func(*Trial)) {
	for i := range k.Log {
		if of(&k.Log[i]) {
			visit(&k.Log[i])
		}
	}
}

// count counts them.
func (k *Knowledge) count(of func(*Trial) bool) (n int) {
	k.each(of, func(*Trial) { n++ })
	return n
}

// outcome counts the trials of this port and host of which an outcome came.
func (k *Knowledge) outcome(o Outcome) int {
	return k.count(func(t *Trial) bool { return t.Outcome == o && t.Role != Against })
}

func (k *Knowledge) trace(o Outcome) bool { return k.outcome(o) > 0 }

// failed reports whether anything failed that a client would do.
func (k *Knowledge) failed() bool {
	return k.count(func(t *Trial) bool { return t.opens(Target) && t.Outcome.fails() }) > 0
}

// flowFate is how often the trials of one flow failed.
type flowFate struct {
	flow, addr   int
	trials, fail int
	port         uint16 // ours
}

// fates are those of the plain SYNs to the target, by flow, in order of first use.
func (k *Knowledge) fates() (list []flowFate) {
	at := map[int]int{}
	k.each(isKind(SYN, Target), func(t *Trial) {
		if t.Look != Usual {
			return
		}
		i, ok := at[t.Flow]
		if !ok {
			i = len(list)
			at[t.Flow] = i
			list = append(list, flowFate{flow: t.Flow, addr: t.Addr, port: t.Reply.Port})
		}
		list[i].trials++
		if t.Outcome.fails() {
			list[i].fail++
		}
	})
	return list
}

// split are flows that always failed, and flows that never did.
func (k *Knowledge) split() (failing, passing []flowFate) {
	for _, f := range k.fates() {
		switch f.fail {
		case f.trials:
			failing = append(failing, f)
		case 0:
			passing = append(passing, f)
		}
	}
	return failing, passing
}

// rtts are the times of SYN-ACKs to the usual SYN, retransmitted ones left out.
func (k *Knowledge) rtts(addr int, of func(*Trial) bool) (list []time.Duration) {
	k.each(func(t *Trial) bool {
		return of(t) && t.Addr == addr && t.opens(Target) && t.Kind != Kernel && t.Reply.RTT > 0 && (t.Outcome.answered() && t.Outcome != Late)
	}, func(t *Trial) { list = append(list, t.Reply.RTT) })
	slices.Sort(list)
	return list
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}
