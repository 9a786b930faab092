package paths

import (
	"slices"

	"synscope/probe"
	"synscope/probe/rtt"
	"synscope/probe/trace"
)

// draw makes the map of a graph.
func (x *explorer) draw(g *graph) *Map {
	d := &drawing{x: x, g: g, m: &Map{}, nodes: map[spot]int{}, of: map[*vertex][]int{}}
	g.vertices(d.vertex)
	g.vertices(d.edges)
	d.flows()
	d.paths()
	d.dead()
	m := d.m
	m.Probes, m.Repeated = x.sent, x.repeated
	if x.follows {
		return m
	}
	m.Asked = g.asks()
	m.Confidence = x.confidence(g)
	m.Complete = x.done(g)
	m.Flowless = !m.Complete && len(x.flows) >= x.most
	return m
}

// done reports whether the rule is satisfied at every vertex.
func (x *explorer) done(g *graph) bool {
	all := len(x.flows) > 0
	g.vertices(func(v *vertex) { all = all && (v.ttl >= x.maxHops || g.missing(v) == 0) })
	return all
}

// spot is what vertices that are one node have in common.
type spot struct {
	ttl    int
	place  place
	silent *vertex
}

// drawing is a map in the making.
type drawing struct {
	x     *explorer
	g     *graph
	m     *Map
	nodes map[spot]int
	of    map[*vertex][]int
}

// vertex enters the nodes that a vertex is: one, or those behind a balancer of
// packets.
func (d *drawing) vertex(v *vertex) {
	switch {
	case v.cloud():
		for _, w := range v.members {
			d.of[v] = append(d.of[v], d.node(v, spot{ttl: v.ttl, place: w}))
		}
	case v.silent:
		d.of[v] = []int{d.node(v, spot{ttl: v.ttl, silent: v})}
	default:
		d.of[v] = []int{d.node(v, spot{ttl: v.ttl, place: v.place})}
	}
	for _, id := range d.of[v] {
		n := &d.m.Nodes[id]
		n.Box, n.Dead = n.Box || v.box, n.Dead || v.perhaps
		n.Balance = max(n.Balance, balance(v))
	}
}

func balance(v *vertex) Balance {
	switch {
	case v.spreads:
		return BalancePacket
	case len(v.next) > 1:
		return BalanceFlow
	}
	return BalanceNone
}

func (d *drawing) node(v *vertex, s spot) int {
	if id, known := d.nodes[s]; known {
		return id
	}
	id := len(d.m.Nodes)
	d.nodes[s] = id
	n := Node{ID: id, TTL: s.ttl, Addr: s.place.addr}
	d.measure(v, s, &n)
	d.m.Nodes = append(d.m.Nodes, n)
	return id
}

// measure gives a node the numbers of the probes that were for it.
func (d *drawing) measure(v *vertex, s spot, n *Node) {
	if v.ttl == 0 {
		n.Flows = len(d.x.flows)
		return
	}
	series := rtt.NewSeries(rtt.Coarse)
	for _, f := range d.x.flows {
		q := f.pair(v.ttl)
		if q == nil || !d.here(q, v, s) {
			continue
		}
		n.Flows++
		for _, a := range q.attempts {
			n.add(series, a, s)
		}
	}
	n.Stats = series.Summary()
	slices.Sort(n.Returned)
}

// here reports whether a pair's probes were for a node: they were answered there,
// or nowhere and its flow passes there.
func (d *drawing) here(q *pair, v *vertex, s spot) bool {
	if s.silent != nil {
		return q.answered() == 0 && slices.Contains(v.flows, q.flow)
	}
	return slices.Contains(q.places(), s.place)
}

// add takes an attempt that was for a node.
func (n *Node) add(series *rtt.Series, a *attempt, s spot) {
	best := a.answer()
	switch {
	case a.silent():
		series.Lost()
	case best != nil && best.place() == s.place:
		n.Kind = best.Kind
		if best.RTT > 0 && best.Doubt == probe.DoubtNone {
			series.Add(best.RTT)
		} else {
			series.Unmeasured()
		}
		for _, c := range best.Changes {
			if !slices.Contains(n.Changes, c) {
				n.Changes = append(n.Changes, c)
			}
		}
		if !slices.Contains(n.Returned, best.TTL) {
			n.Returned = append(n.Returned, best.TTL)
		}
		if best.Kind == trace.HopUnreachable {
			n.ICMP = best.ICMP
		}
	}
}

// edges enters the links behind a vertex.
func (d *drawing) edges(v *vertex) {
	for _, l := range v.next {
		sent, lost := d.crossed(l)
		for _, from := range d.of[v] {
			for _, to := range d.of[l.to] {
				if i := slices.IndexFunc(d.m.Edges, func(e Edge) bool { return e.From == from && e.To == to }); i >= 0 {
					continue
				}
				d.m.Edges = append(d.m.Edges, Edge{From: from, To: to, Flows: l.flows, Sent: sent, Lost: lost, Uncertain: v.cloud()})
			}
		}
	}
}

// crossed counts the probes to the far end of a link.
func (d *drawing) crossed(l *link) (sent, lost uint64) {
	for _, f := range l.to.flows {
		q := f.pair(l.to.ttl)
		if q == nil || l.from.ttl > 0 && (len(f.at) < l.from.ttl || f.at[l.from.ttl-1] != l.from) {
			continue
		}
		for _, a := range q.attempts {
			switch {
			case len(a.answers) > 0:
				sent++
			case a.silent():
				sent, lost = sent+1, lost+1
			}
		}
	}
	return sent, lost
}

// flows enters what each source port met.
func (d *drawing) flows() {
	for _, f := range d.x.flows {
		out := Flow{Port: f.port, Path: -1}
		for _, v := range f.at {
			id := -1
			if v != nil && !v.cloud() {
				id = d.of[v][0]
			}
			out.Nodes = append(out.Nodes, id)
		}
		for _, q := range f.pairs {
			if q == nil || len(q.attempts) == 0 {
				continue
			}
			h := Hop{TTL: q.ttl, Sent: len(q.attempts), Lost: q.lost()}
			for _, a := range q.attempts {
				h.Answers = append(h.Answers, a.answers...)
				if best := a.answer(); best != nil && best.Kind != trace.HopTimeExceeded && out.End != trace.HopSYNACK {
					out.End = best.Kind
				}
			}
			out.Hops = append(out.Hops, h)
		}
		d.m.Flows = append(d.m.Flows, out)
	}
}

// paths enters the paths, with the flows that are known to take each.
func (d *drawing) paths() {
	ways, more := d.g.ways()
	d.m.More = more
	sorted := byWay(ways, d.x.flows)
	for i, w := range ways {
		p := Path{}
		for _, v := range w {
			p.Nodes = append(p.Nodes, d.of[v][0])
		}
		last := w[len(w)-1]
		p.End = d.m.Nodes[p.Nodes[len(p.Nodes)-1]].Kind
		series := rtt.NewSeries(rtt.Coarse)
		for _, f := range sorted[i] {
			p.Flows = append(p.Flows, f.port)
			d.m.Flows[f.id].Path = i
			p.count(f, last.ttl, series)
		}
		p.Stats = series.Summary()
		d.m.Paths = append(d.m.Paths, p)
	}
}

// count takes the probes of a flow that takes the path.
func (p *Path) count(f *flow, end int, series *rtt.Series) {
	for _, q := range f.pairs {
		if q == nil || q.ttl > end {
			continue
		}
		for _, a := range q.attempts {
			best := a.answer()
			switch {
			case best == nil && !a.silent():
				continue
			case best == nil:
				p.Lost++
			}
			p.Sent++
			switch {
			case q.ttl != end:
			case best == nil:
				series.Lost()
			case best.RTT > 0 && best.Doubt == probe.DoubtNone:
				series.Add(best.RTT)
			default:
				series.Unmeasured()
			}
		}
	}
}
