package paths

import (
	"slices"
)

// adopt puts flows that were probed at this hop only where they were seen. If no other flow
// was seen there, a vertex before has a next hop that is not known yet.
func (l *level) adopt(g *graph) {
	here := map[*flow]bool{}
	for _, v := range l.list {
		for _, f := range v.flows {
			here[f] = true
		}
	}
	for _, f := range l.x.flows {
		p := f.pair(l.ttl)
		if here[f] || p == nil || p.answered() == 0 {
			continue
		}
		places := p.places()
		switch v := l.known[places[0]]; {
		case v != nil && len(places) == 1:
			v.flows = append(v.flows, f)
		case v == nil && !f.ended(l.ttl):
			g.strays = append(g.strays, p)
		}
	}
}

// level is a level of a graph in the making.
type level struct {
	x     *explorer
	ttl   int
	known map[place]*vertex
	list  []*vertex
}

// pass finds where the flows of a vertex go.
func (l *level) pass(v *vertex) {
	at := map[*pair][]place{}
	var silent []*pair
	for _, f := range v.flows {
		p := f.pair(l.ttl)
		switch {
		case p == nil:
			continue
		case p.answered() > 0:
			at[p] = p.places()
			v.spreads = v.spreads || len(at[p]) > 1
			if len(at[p]) == 1 {
				v.same += p.answered() - 1
			}
		case p.flying():
			v.flying++
		default:
			silent = append(silent, p)
		}
	}
	settled := l.settle(v, silent, len(at) > 0)
	l.spread(v, at)
	l.place(v, at)
	settled = slices.DeleteFunc(settled, func(p *pair) bool { return l.refuses(v, p, at) })
	if len(settled) > 0 {
		l.join(v, l.star(), settled...)
	}
	l.infer(v)
}

// spread notices that the packets of one flow are balanced: they go to several places, or
// come from several places of which each has other next hops.
func (l *level) spread(v *vertex, at map[*pair][]place) {
	if !v.cloud() {
		return
	}
	var all []place
	for _, places := range at {
		for _, w := range places {
			if !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
	}
	v.spreads = len(all) > 1
}

// place puts the flows that were answered for where the answers say.
func (l *level) place(v *vertex, at map[*pair][]place) {
	var together *vertex
	for _, f := range v.flows {
		p := f.pair(l.ttl)
		for _, w := range at[p] {
			if !v.spreads {
				l.join(v, l.at(w), p)
				continue
			}
			if together == nil {
				together = &vertex{ttl: l.ttl, lossy: -1}
				l.list = append(l.list, together)
			}
			if !slices.Contains(together.members, w) {
				together.members = append(together.members, w)
			}
			if w == at[p][0] {
				l.join(v, together, p)
			}
		}
	}
	if together != nil && !slices.ContainsFunc(together.members, func(w place) bool { return !w.ends }) {
		together.place = together.members[0]
	}
}

func (l *level) at(w place) *vertex {
	if l.known[w] == nil {
		l.known[w] = &vertex{ttl: l.ttl, place: w, lossy: -1}
		l.list = append(l.list, l.known[w])
	}
	return l.known[w]
}

// join lets flows go from one vertex to another.
func (l *level) join(v, to *vertex, pairs ...*pair) {
	i := slices.IndexFunc(v.next, func(k *link) bool { return k.to == to })
	if i < 0 {
		i = len(v.next)
		v.next = append(v.next, &link{from: v, to: to})
		to.before = append(to.before, v)
	}
	v.next[i].flows += len(pairs)
	v.settled += len(pairs)
	for _, p := range pairs {
		to.flows = append(to.flows, p.flow)
		if v.ttl == 0 || !v.inferred[p.flow] {
			v.next[i].proven = true
		} else {
			v.next[i].unproven = p.flow
		}
	}
}

// infer lets the flows that were not tried follow the others, where all went one way and
// the rule takes that for the only one. The rule is taken as it is to begin with, so that no
// inference is withdrawn as it grows stricter.
func (l *level) infer(v *vertex) {
	if !v.inferring(l.x.ruleFor(0)) {
		return
	}
	to := v.next[0].to
	if to.inferred == nil {
		to.inferred = map[*flow]bool{}
	}
	for _, f := range v.flows {
		if f.pair(l.ttl) == nil {
			to.flows = append(to.flows, f)
			to.inferred[f] = true
		}
	}
}
