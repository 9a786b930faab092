package why

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// posterior holds every cause with every setting of its parameters and of the
// background loss, and how well each has predicted what came.
type posterior struct {
	causes []Cause
	hyps   [][]*hypothesis // by cause
	gains  []gain          // by experiment, in the order in which they were made
	known  map[int][]setting
}

// gain is by how much an experiment raised the log-likelihood of each cause.
type gain struct {
	experiment string
	by         []float64 // by cause
}

func newPosterior(cfg *Config) *posterior {
	p, room := &posterior{causes: Causes()}, &scratch{}
	for i := range p.causes {
		var list []*hypothesis
		if !slices.Contains(cfg.Impossible, p.causes[i].Code) {
			list = hypotheses(&p.causes[i], cfg.Addrs, room)
		}
		p.hyps = append(p.hyps, list)
	}
	return p
}

// hypotheses are a cause's, with their priors.
func hypotheses(c *Cause, addrs []Address, room *scratch) (list []*hypothesis) {
	all := c.Variants(addrs)
	usual := usualRules()
	for n, v := range all {
		for _, b := range background {
			h := &hypothesis{cause: c, variant: n, scratch: room, loss: b.loss, log: math.Log(c.Prior * b.weight / float64(len(all)))}
			if v.Loss != nil {
				h.loss, h.log = *v.Loss, math.Log(c.Prior/float64(len(all)))
			}
			for _, r := range slices.Concat(v.Rules, usual) {
				h.rules = append(h.rules, r.clone())
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
	p.known = nil
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
	logs := make([]float64, len(list))
	for i, h := range list {
		logs[i] = h.log
	}
	return logSum(logs)
}

// logSum is the log of the sum of numbers whose logs are given.
func logSum(logs []float64) float64 {
	if len(logs) == 0 {
		return math.Inf(-1)
	}
	top, sum := slices.Max(logs), 0.0
	for _, l := range logs {
		sum += math.Exp(l - top)
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

// setting is a hypothesis and its share of a cause's weight.
type setting struct {
	h      *hypothesis
	weight float64
}

// Bounds of the settings that stand for a cause.
const (
	mostSettings = 5
	leastSetting = 0.15 // of the best one's weight
)

// settings are a few hypotheses that stand for a cause, the best first.
func (p *posterior) settings(cause int) []setting {
	list := p.known[cause]
	if list == nil {
		list = p.leading(cause)
		if p.known == nil {
			p.known = map[int][]setting{}
		}
		p.known[cause] = list
	}
	return list
}

// leading are the best hypothesis of each of the best variants, with the weight of the whole
// variant: hypotheses that differ in the background loss alone add nothing.
func (p *posterior) leading(cause int) (list []setting) {
	top := slices.MaxFunc(p.hyps[cause], byLog).log
	at := map[int]int{}
	for _, h := range p.hyps[cause] {
		w := math.Exp(h.log - top)
		i, known := at[h.variant]
		if !known {
			i = len(list)
			at[h.variant], list = i, append(list, setting{h: h})
		}
		list[i].weight += w
		if h.log > list[i].h.log {
			list[i].h = h
		}
	}
	slices.SortStableFunc(list, func(a, b setting) int { return cmp.Compare(b.weight, a.weight) })
	return few(list)
}

// few are the first of a sorted list that matter, their weights made to add up to 1.
func few(list []setting) []setting {
	n, sum := 0, 0.0
	for n < len(list) && n < mostSettings && list[n].weight >= leastSetting*list[0].weight {
		sum += list[n].weight
		n++
	}
	for i := range list[:n] {
		list[i].weight /= sum
	}
	return list[:n]
}

// setting draws one of them.
func (p *posterior) setting(cause int, rng *rand.Rand) *hypothesis {
	list, at := p.settings(cause), rng.Float64()
	for _, s := range list {
		if at -= s.weight; at < 0 {
			return s.h
		}
	}
	return list[0].h
}
