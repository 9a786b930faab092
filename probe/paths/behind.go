package paths

// confirmed is how often a router has to say that the way ends.
const confirmed = 2

// confirm asks again where a router said only once that the way ends.
func (p *plan) confirm(v *vertex) {
	if !v.place.ends || v.place.addr == p.x.target || v.box {
		return
	}
	said, again := 0, (*flow)(nil)
	for _, f := range v.flows {
		q := f.pair(v.ttl)
		switch {
		case q == nil || q.answered() == 0:
			continue
		case q.flying():
			return
		case len(q.attempts) < triesSilent+confirmed && again == nil:
			again = f
		}
		said += q.answered()
	}
	if said < confirmed && again != nil {
		p.add(again, v.ttl, forSame)
	}
}

// behind looks behind silence, and behind answers in the target's name.
func (p *plan) behind(v *vertex) {
	switch {
	case v.perhaps && !v.givenUp:
		p.scout(v)
	case v.place.ends && v.place.addr == p.x.target && !v.box && v.ttl < p.x.maxHops:
		p.past(v)
	}
}

const (
	scouts   = 2 // flows that look whether anything is behind a silent hop
	farther  = 2 // hops that they look behind the target's distance
	blindFor = 6 // hops that all but the first look where the distance is not known
)

// scout asks for all hops of a few flows behind a silent one.
func (p *plan) scout(v *vertex) {
	for i, f := range v.flows[:min(scouts, len(v.flows))] {
		for ttl := v.ttl + 1; ttl <= p.x.horizon(v, i); ttl++ {
			if f.pair(ttl) == nil {
				p.add(f, ttl, forSilent)
			}
		}
	}
}

// horizon is how far the nth scout looks.
func (x *explorer) horizon(v *vertex, n int) int {
	switch length := x.length(); {
	case length > 0:
		return min(max(length, v.ttl)+farther, x.maxHops)
	case n > 0:
		return min(v.ttl+blindFor, x.maxHops)
	}
	return x.maxHops
}

// searched reports whether the scouts behind a silent vertex have ended.
func (x *explorer) searched(v *vertex) bool {
	for i, f := range v.flows[:min(scouts, len(v.flows))] {
		for ttl := v.ttl + 1; ttl <= x.horizon(v, i); ttl++ {
			if q := f.pair(ttl); q == nil || q.flying() {
				return false
			}
		}
	}
	return true
}

// past asks for one probe behind the target from each vertex before it: a router
// that sees it expire shows that the answer came from somebody on the way.
func (p *plan) past(v *vertex) {
	for _, u := range v.before {
		var first *flow
		for _, f := range u.flows {
			q, tried := f.pair(v.ttl), f.pair(v.ttl+1) != nil
			if q == nil || !hasPlace(q, v.place) {
				continue
			}
			if tried {
				first = nil
				break
			}
			if first == nil {
				first = f
			}
		}
		if first != nil {
			p.add(first, v.ttl+1, forBox)
		}
	}
}

func hasPlace(q *pair, w place) bool {
	places := q.places()
	return len(places) == 1 && places[0] == w
}
