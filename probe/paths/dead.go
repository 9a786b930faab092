package paths

import "slices"

// dead enters the places where flows disappear, or where a router says that it has no
// route, while other flows reach the target.
func (d *drawing) dead() {
	alive := d.alive()
	for v, ok := range alive {
		for _, id := range d.of[v] {
			d.m.Nodes[id].Reaches = d.m.Nodes[id].Reaches || ok
		}
	}
	if !alive[d.g.root] {
		return
	}
	d.g.vertices(func(v *vertex) {
		refused := v.place.ends && v.place.addr != d.x.target && !v.box
		if !v.perhaps && !refused || len(v.before) == 0 {
			return
		}
		near := v.before[0]
		e := Dead{Near: d.of[near][0], Far: -1, Node: d.of[v][0], Refused: refused}
		if e.Probes = probesInto(v); refused {
			e.Near = e.Node
		}
		for _, f := range v.flows {
			if q := f.pair(v.ttl); q != nil {
				e.Flows = append(e.Flows, f.port)
			}
		}
		if far := d.meeting(near, alive); far != nil {
			e.Far = d.of[far][0]
		}
		d.m.Dead = append(d.m.Dead, e)
	})
}

// alive are the vertices from which the target can be reached.
func (d *drawing) alive() map[*vertex]bool {
	alive := map[*vertex]bool{}
	for _, level := range slices.Backward(d.g.levels) {
		for _, v := range level {
			alive[v] = v.place.ends && v.place.addr == d.x.target && !v.box ||
				slices.ContainsFunc(v.next, func(l *link) bool { return alive[l.to] })
		}
	}
	return alive
}

// probesInto counts the probes that went into a silent place without an answer.
func probesInto(v *vertex) (n int) {
	for _, f := range v.flows {
		for ttl := v.ttl; ttl <= len(f.pairs); ttl++ {
			if q := f.pair(ttl); q != nil {
				n += q.lost()
			}
		}
	}
	return n
}

// meeting is the first vertex that all paths which reach the target have in common behind
// a vertex, or behind the last one before it from which there are such paths.
func (d *drawing) meeting(near *vertex, alive map[*vertex]bool) *vertex {
	from := near
	for !alive[from] {
		if len(from.before) == 0 {
			return nil
		}
		from = from.before[0]
	}
	front := map[*vertex]bool{from: true}
	for ttl := from.ttl; ttl+1 < len(d.g.levels); ttl++ {
		next := map[*vertex]bool{}
		for v := range front {
			if v.ttl > ttl || v.place.ends && !v.box { // a shorter path has ended
				next[v] = true
				continue
			}
			for _, l := range v.next {
				if alive[l.to] {
					next[l.to] = true
				}
			}
		}
		if v := onePlace(next); v != nil && v.ttl > near.ttl {
			return v
		}
		front = next
	}
	return nil
}

// onePlace is one of the vertices if all have the same address.
func onePlace(set map[*vertex]bool) (one *vertex) {
	for v := range set {
		if one != nil && one.place.addr != v.place.addr || v.silent || v.cloud() {
			return nil
		}
		if one == nil || v.ttl < one.ttl {
			one = v
		}
	}
	return one
}
