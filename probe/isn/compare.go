package isn

// compare fits every model that is proposed and returns the standings, the best
// first. Proposals come from a part of the samples where there are many; what
// does best there is fitted to all of them.
func compare(whole *view) []*standing {
	part := whole.head(quadratic)
	list := best(counters(part))
	list = best(append(list, rivals(part, list[0].settled(part))...))
	if part != whole {
		list = best(append(refit(list, whole), rivalsOf(whole, list)...))
	}
	return resolved(list)
}

// compareCounters fits the counters alone, without the rivals, of which generators take the
// most time.
func compareCounters(whole *view) []*standing {
	part := whole.head(quadratic)
	list := best(counters(part))
	if part != whole {
		list = best(refit(list, whole))
	}
	return resolved(list)
}

// resolved fits several generators to the best models.
func resolved(list []*standing) []*standing {
	for i, s := range list[:min(len(list), mostResolved)] {
		s.resolve(i < mostMixed)
	}
	return best(list)
}

// settledRows and settledBits are how many numbers a counter must explain, and how
// many bits it must save of each, for no generator of 32 bits to be looked for.
const (
	settledRows = 5
	settledBits = 20
)

// settled reports whether the model explains numbers so well that no generator
// which looks random can have made them.
func (s *standing) settled(v *view) bool {
	n := float64(s.ledger.count[joined])
	return n >= settledRows && v.plainBits()-s.bits >= settledBits*n
}

// mostResolved is how many of the best models are asked for several generators.
const mostResolved = 12

// mostMixed is how many of those are asked for a second model among what they leave.
const mostMixed = 3

// leastContenders is how many models are fitted to all samples, where there are
// more than are looked at first, and farBehind how many bits one may then be behind.
const leastContenders = 4

// refit fits the best counters again, to all samples. Of each class and key one is
// taken.
func refit(list []*standing, whole *view) (out []*standing) {
	type kind struct {
		class Class
		key   factor
	}
	seen := make(map[kind]bool)
	for _, s := range list {
		k := kind{s.class, s.key}
		if s.ledger == nil || seen[k] || len(out) >= leastContenders {
			continue
		}
		seen[k] = true
		out = append(out, s.again(whole, len(out) == 0))
	}
	return out
}

// again fits the standing's model to other samples, a clock with its rate refined
// on them where asked to.
func (s *standing) again(v *view, refine bool) *standing {
	if s.propose != nil {
		return s.propose(v)
	}
	if s.drift == nil {
		return s.model.fit(v)
	}
	top := fitClock(v, s.key, *s.drift)
	if !refine {
		return top
	}
	d, ok := top.drift.refined(v, top.ledger, stepping(s.drift.step != 0))
	if !ok || d.hz == 0 {
		return top
	}
	d.roundStep(s.drift.step)
	return best([]*standing{top, fitClock(v, s.key, d)})[0]
}

// rivalsOf fits to all samples the rivals that merely count. What a generator saves on a
// part of the samples it saves on the rest in proportion; its choice among many is paid
// for once.
func rivalsOf(whole *view, list []*standing) []*standing {
	fresh := whole.fresh()
	out := counting(whole, fresh)
	for _, s := range list {
		if s.ledger == nil && s.name == generatorName {
			found := s.found
			found.saved *= float64(len(whole.points)) / float64(len(s.view.points))
			out = append(out, rivalStanding(s.model, whole, fresh, found))
		}
	}
	return out
}

// counted fits to all samples the rivals that merely count, where a part of them looks
// random: a store of numbers shows only among many.
func counted(whole, part *view, list []*standing) []*standing {
	if list[0].class != ClassRandom {
		return list
	}
	fresh := whole.fresh()
	for _, s := range counting(whole, fresh)[1:] {
		s.bits += part.plainBits() - fresh.plainBits()
		list = append(list, s)
	}
	return best(list)
}
