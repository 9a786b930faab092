package paths

import (
	"cmp"
	"slices"
)

// locate asks where a flow is, at a TTL or, where that is known and did not help,
// before it.
func (p *plan) locate(f *flow, ttl int) {
	for ; ttl > 0 && f.pair(ttl) != nil; ttl-- {
	}
	if ttl > 0 && p.open(f, ttl) {
		p.add(f, ttl, forFlow)
	}
}

// use asks for the next hop of flows that are known to pass a vertex, up to a
// number, and tells of how many.
func (p *plan) use(v *vertex, n int, why purpose) (used int) {
	for _, far := range []bool{true, false} { // those first of which more is known
		for _, f := range v.flows {
			if used < n && p.open(f, v.ttl+1) && far == (len(f.pairs) > v.ttl) {
				p.add(f, v.ttl+1, why)
				used++
			}
		}
	}
	if v.waist {
		used += p.unused(v.ttl+1, n-used, why)
	}
	return used
}

// find looks for flows that pass the vertices that want more, the nearest first:
// what those show may come to those behind.
func (p *plan) find() {
	for _, level := range p.g.levels[1:] {
		for _, v := range level {
			if p.asked[v] > 0 {
				p.more(v, float64(p.asked[v])/3)
			}
		}
	}
}

// more asks where flows are that may pass a vertex, as many as are needed on average for n
// of them to do so: first those that pass a vertex from which most come here, and flows
// that were not used yet last.
func (p *plan) more(v *vertex, n float64) {
	reach, waist := p.reach(v)
	if waist == nil {
		return
	}
	var candidates []*flow
	for _, f := range p.x.flows {
		share := reach[waist]
		if u := f.known(v.ttl); u != nil && u.ttl >= waist.ttl {
			share = reach[u]
		}
		unknown := len(f.at) < v.ttl || f.at[v.ttl-1] == nil // of one that met silence it is known where it went
		switch q := f.pair(v.ttl); {
		case q != nil && (q.flying() || q.answered() == 0 && unknown), p.taken[probed{f, v.ttl}]:
			n -= share
		case q == nil && share > 0 && unknown:
			candidates = append(candidates, f)
		}
	}
	n -= reach[waist] * float64(p.fresh[v.ttl])
	p.try(v, n, candidates, reach, waist)
}

// batch bounds how many flows are looked for at once.
const batch = 24

func (p *plan) try(v *vertex, n float64, candidates []*flow, reach map[*vertex]float64, waist *vertex) {
	share := func(f *flow) float64 {
		if u := f.known(v.ttl); u != nil && u.ttl >= waist.ttl {
			return reach[u]
		}
		return reach[waist]
	}
	slices.SortStableFunc(candidates, func(a, b *flow) int { return cmp.Compare(share(b), share(a)) })
	left := batch
	for _, f := range candidates {
		if n <= 0 || left == 0 {
			return
		}
		p.add(f, v.ttl, forFlow)
		n -= share(f)
		left--
	}
	if n > 0 {
		p.unused(v.ttl, min(left, max(1, int(n/reach[waist]))), forFlow)
	}
}

// reach is the share of the flows of each vertex before one that comes to it, back
// to the last that all flows pass; nil where one of them still wants flows itself:
// some of those may come here.
func (p *plan) reach(v *vertex) (reach map[*vertex]float64, waist *vertex) {
	reach = map[*vertex]float64{v: 1}
	for ttl := v.ttl - 1; ttl >= 0; ttl-- {
		for _, u := range p.g.levels[ttl] {
			for _, l := range u.next {
				reach[u] += reach[l.to] * l.share()
			}
			if reach[u] > 0 && (p.g.missing(u) > 0 || u.flying > 0) {
				return nil, nil
			}
			if u.waist {
				return reach, u
			}
		}
	}
	return nil, nil
}

// inferring reports whether further flows need not be tried, since all go one way.
func (v *vertex) inferring(r *rule) bool {
	return len(v.next) == 1 && v.flying == 0 && len(v.pending) == 0 && v.settled >= r.stop(1)
}

// prove asks where a flow was one hop before, for each link that is known only by flows
// whose place there was inferred.
func (p *plan) prove(v *vertex) {
	for _, l := range v.next {
		if f := l.unproven; f != nil && !l.proven && !v.silent && !v.cloud() {
			p.locate(f, v.ttl)
		}
	}
}
