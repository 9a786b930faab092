package why

import (
	"cmp"
	"math"
	"slices"
)

// posterior holds every cause with every setting of its parameters and of the
// background loss, and how well each has predicted what came.
type posterior struct {
	causes []Cause
	hyps   [][]*hypothesis // by cause
	gains  []gain          // by experiment, in the order in which they were made
}

// gain is by how much an experiment raised the log of each cause's probability
// of all that was seen.
type gain struct {
	experiment string
	by         []float64 // by cause
}

func newPosterior(addrs []Address) *posterior {
	p := &posterior{causes: Causes()}
	for i := range p.causes {
		p.hyps = append(p.hyps, hypotheses(&p.causes[i], addrs))
	}
	return p
}

// hypotheses are a cause's, with their priors.
func hypotheses(c *Cause, addrs []Address) (list []*hypothesis) {
	all := c.Variants(addrs)
	usual := usualRules()
	for _, v := range all {
		for _, b := range background {
			h := &hypothesis{cause: c, loss: b.loss, log: math.Log(c.Prior * b.weight / float64(len(all)))}
			if v.Loss != nil {
				h.loss, h.log = *v.Loss, math.Log(c.Prior/float64(len(all)))
			}
			for _, part := range [][]rule{v.Rules, usual} {
				for _, r := range part {
					h.rules = append(h.rules, r.clone())
				}
			}
			list = append(list, h)
			if v.Loss != nil {
				break
			}
		}
	}
	return list
}

// take takes trials in, which are of one experiment.
func (p *posterior) take(experiment string, trials []Trial) {
	before := p.logs()
	for _, list := range p.hyps {
		for _, h := range list {
			for i := range trials {
				h.take(&trials[i])
			}
		}
	}
	after := p.logs()
	g := gain{experiment, after}
	for i := range after {
		g.by[i] -= before[i]
	}
	p.gains = append(p.gains, g)
	p.prune()
}

// hopeless is how far, in the log, a hypothesis may fall behind the best before it is dropped.
const hopeless = 60

// prune drops what is hopeless, but never the best hypothesis of a cause.
func (p *posterior) prune() {
	best := slices.Max(p.logs())
	for i, list := range p.hyps {
		if len(list) == 0 {
			continue
		}
		top := slices.MaxFunc(list, byLog)
		p.hyps[i] = slices.DeleteFunc(list, func(h *hypothesis) bool { return h != top && h.log < best-hopeless })
	}
}

func byLog(a, b *hypothesis) int { return cmp.Compare(a.log, b.log) }

// logs are the logs of the causes' weights, their parameters summed out.
func (p *posterior) logs() []float64 {
	logs := make([]float64, len(p.hyps))
	for i, list := range p.hyps {
		logs[i] = sumLogs(list)
	}
	return logs
}

func sumLogs(list []*hypothesis) float64 {
	if len(list) == 0 {
		return math.Inf(-1)
	}
	top := slices.MaxFunc(list, byLog).log
	sum := 0.0
	for _, h := range list {
		sum += math.Exp(h.log - top)
	}
	return top + math.Log(sum)
}

// probabilities are the causes'.
func (p *posterior) probabilities() []float64 { return normalise(p.logs()) }

func normalise(logs []float64) []float64 {
	top := slices.Max(logs)
	out, sum := make([]float64, len(logs)), 0.0
	for i, l := range logs {
		out[i] = math.Exp(l - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// best is the hypothesis of a cause that fits best; nil if the cause is impossible here.
func (p *posterior) best(cause int) *hypothesis {
	if len(p.hyps[cause]) == 0 {
		return nil
	}
	return slices.MaxFunc(p.hyps[cause], byLog)
}
