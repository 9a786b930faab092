package paths

// follow lists the probes that given flows still want: every hop up to the end, or
// a few behind the last that answered.
func (x *explorer) follow() (list []want) {
	for _, f := range x.flows {
		for ttl := 1; ttl <= x.interest(f); ttl++ {
			switch q := f.pair(ttl); {
			case q == nil:
				list = append(list, want{flow: f, ttl: ttl, why: forRule})
			case !q.flying() && q.answered() == 0 && q.lost() < x.queries:
				list = append(list, want{flow: f, ttl: ttl, why: forLost})
			}
		}
	}
	return list
}

// interest is the highest TTL of a flow that is worth asking for: that of its end,
// and one more, which shows whether the end is the target.
func (x *explorer) interest(f *flow) int {
	last := 0
	for _, q := range f.pairs {
		if q == nil || q.answered() == 0 {
			continue
		}
		if q.places()[0].ends && !f.expires(q.ttl) {
			return min(q.ttl+1, x.maxHops)
		}
		last = q.ttl
	}
	return min(max(last, x.length()-1)+blindFor, x.maxHops)
}
