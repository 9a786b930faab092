package paths

// purpose is what a probe is for.
type purpose byte

const (
	forRule   purpose = iota // the rule asks for it
	forFlow                  // to find a flow that passes a vertex
	forSame                  // repeated, to see whether it goes the same way
	forLost                  // repeated, because nothing came back
	forSilent                // to see whether anything is behind a silent hop
	forBox                   // to see whether the target is where it answers
	forEnd                   // to measure a path to its end
)

// want is a probe that the explorer asks for.
type want struct {
	flow *flow // nil: one that was not used yet
	ttl  int
	why  purpose
	loss bool // what is repeated was lost on a way that loses at random
}

// repeats is how many probes are sent twice behind a vertex with several next
// hops: where each packet is sent elsewhere they go two ways, all but once in
// 2^repeats.
const repeats = 5

// plan is a list of probes in the making.
type plan struct {
	x     *explorer
	g     *graph
	list  []want
	asked map[*vertex]int // flows that a vertex wants and does not have
	taken map[probed]bool // what is in the list
	fresh map[int]int     // flows in the list that were not used yet, by TTL
	news  int             // and all of them
}

// probed is a flow and a TTL.
type probed struct {
	flow *flow
	ttl  int
}

// plan lists the probes that are worth sending now, given those under way, the
// most urgent first.
func (x *explorer) plan(g *graph) []want {
	p := &plan{x: x, g: g, asked: map[*vertex]int{}, taken: map[probed]bool{}, fresh: map[int]int{}}
	g.vertices(p.lost)
	for _, stray := range g.strays {
		p.locate(stray.flow, stray.ttl-1)
	}
	g.vertices(p.test)
	g.vertices(p.prove)
	g.vertices(p.same)
	g.vertices(p.confirm)
	g.vertices(p.behind)
	p.find()
	return p.affordable()
}

// atMost is how many probes the exploration may take, as a multiple of those that
// the rule asks for.
const atMost = 1.2

// affordable leaves out what would be too much.
func (p *plan) affordable() []want {
	if p.x.tested+len(p.list) <= p.g.least() {
		return p.list
	}
	left := int(atMost*float64(p.g.asks())) - p.x.tested
	list := p.list[:0]
	for _, w := range p.list {
		if w.counts() {
			left--
		}
		if !w.counts() || left >= 0 {
			list = append(list, w)
		}
	}
	return list
}

// counts reports whether a probe is one of those that the rule's number is compared
// with: what is lost on the way, or meets silence, it does not know.
func (w want) counts() bool { return w.why <= forSame || w.why == forBox }

func (p *plan) add(f *flow, ttl int, why purpose) {
	p.list = append(p.list, want{flow: f, ttl: ttl, why: why})
	p.taken[probed{f, ttl}] = true
}

// open reports whether a flow's hop has not been asked for.
func (p *plan) open(f *flow, ttl int) bool {
	return f.pair(ttl) == nil && !p.taken[probed{f, ttl}]
}

// spare is how many flows were not used yet.
func (p *plan) spare() int { return p.x.most - len(p.x.flows) - p.news }

// unused asks for the hop of flows that were not used yet, and tells of how many.
func (p *plan) unused(ttl, n int, why purpose) int {
	n = max(0, min(n, p.spare()))
	for range n {
		p.list = append(p.list, want{ttl: ttl, why: why})
	}
	p.fresh[ttl] += n
	p.news += n
	return n
}

// lost asks again for what did not come back.
func (p *plan) lost(v *vertex) {
	for _, q := range v.pending {
		p.add(q.flow, q.ttl, forLost)
		p.list[len(p.list)-1].loss = patience(v, q.flow, q.ttl) > triesSilent
	}
}

// same asks for probes to be repeated, once several next hops are known.
func (p *plan) same(v *vertex) {
	if len(v.next) < 2 || v.spreads || v.cloud() {
		return
	}
	missing := repeats - v.same
	for _, f := range v.flows {
		if q := f.pair(v.ttl + 1); q != nil && q.answered() > 0 && q.flying() {
			missing--
		}
	}
	for most := 1; most <= repeats; most++ { // the least repeated first
		for _, f := range v.flows {
			if q := f.pair(v.ttl + 1); missing > 0 && q != nil && q.answered() > 0 && len(q.attempts) == most && !q.flying() {
				p.add(f, v.ttl+1, forSame)
				missing--
			}
		}
	}
}

// test asks for the flows that the rule wants of a vertex, as far as it has them.
func (p *plan) test(v *vertex) {
	if v.ends() || v.ttl >= p.x.maxHops {
		return
	}
	missing := p.g.missing(v) - v.flying - len(v.pending)
	if missing <= 0 {
		return
	}
	p.asked[v] = max(p.asked[v], missing-p.use(v, missing, forRule))
}

// missing is how many flows a vertex still wants.
func (g *graph) missing(v *vertex) int {
	if v.ends() {
		return 0
	}
	return max(0, g.rule.stop(v.shown())-v.settled)
}
