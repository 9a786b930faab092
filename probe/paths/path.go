package paths

import "slices"

// way is a path through the graph, from the prober's next hop to an end.
type way []*vertex

// mostWays bounds how many paths are listed one by one.
const mostWays = 256

// ways are the paths of a graph, at most so many; more tells that there are others.
func (g *graph) ways() (list []way, more bool) {
	var walk func(v *vertex, so way)
	walk = func(v *vertex, so way) {
		if len(list) == mostWays {
			more = true
			return
		}
		if len(v.next) == 0 {
			list = append(list, slices.Clone(so))
			return
		}
		for _, l := range v.next {
			walk(l.to, append(so, l.to))
		}
	}
	walk(g.root, nil)
	return slices.DeleteFunc(list, func(w way) bool { return len(w) == 0 }), more
}

// takes reports whether a flow may take the way, by all that is known of it, and
// surely no shorter one.
func (w way) takes(f *flow) bool {
	for i, v := range f.at {
		if v != nil && (i >= len(w) || w[i] != v) {
			return false
		}
	}
	return len(f.at) > 0
}

// byWay sorts the flows that are known well enough to the ways that they take.
func byWay(ways []way, flows []*flow) map[int][]*flow {
	sorted := map[int][]*flow{}
	for _, f := range flows {
		found := -1
		for i, w := range ways {
			if w.takes(f) {
				if found >= 0 {
					found = -1
					break
				}
				found = i
			}
		}
		if found >= 0 {
			sorted[found] = append(sorted[found], f)
		}
	}
	return sorted
}

// ends lists probes to the end of each path of which too few went there, as far as
// the number of probes allows.
func (x *explorer) ends(g *graph) (list []want) {
	ways, more := g.ways()
	if more {
		return nil
	}
	left := int(atMost*float64(g.asks())) - x.sent
	byFlow := byWay(ways, x.flows)
	for i, w := range ways {
		last := w[len(w)-1]
		if !last.place.ends || last.box {
			continue
		}
		missing := x.queries
		if loses(byFlow[i]) {
			missing = max(missing, enough)
		}
		for _, f := range byFlow[i] {
			if q := f.pair(last.ttl); q != nil {
				missing -= len(q.attempts)
			}
		}
		for _, f := range byFlow[i] {
			if missing > 0 && left > 0 && f.pair(last.ttl) == nil {
				list = append(list, want{flow: f, ttl: last.ttl, why: forEnd})
				missing--
				left--
			}
		}
	}
	return list
}

// enough is how many probes to the end of a path tell its loss from that of routers
// that answer seldom.
const enough = 12

// loses reports whether anything was lost of some flows.
func loses(flows []*flow) bool {
	return slices.ContainsFunc(flows, func(f *flow) bool {
		return slices.ContainsFunc(f.pairs, func(q *pair) bool { return q != nil && q.answered() > 0 && q.lost() > 0 })
	})
}
