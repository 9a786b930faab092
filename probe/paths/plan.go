package paths

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
)

// explorer knows what was sent and what came back, and says what to send next. It
// has no clock and no network.
type explorer struct {
	target   netip.Addr
	maxHops  int
	miss     float64 // chance that something is missed, allowed overall
	most     int     // flows that there are ports for
	queries  int     // probes to the end of each path that are wished for
	flows    []*flow
	branches int // most vertices with several next hops that any graph showed
	rules    map[int]*rule
	tested   int  // probes sent for the rule
	sent     int  // all probes
	repeated int  // of those, what was lost before, or went into silence
	short    bool // something was left out because it would have been too much
	follows  bool // the flows are given, and nothing is looked for
	over     bool // silence is taken for an answer: nothing more is sent

	// trust tells whether silence at a TTL means anything, or its routers may answer
	// seldom; nil: it does.
	trust func(ttl int) bool
}

func newExplorer(target netip.Addr, maxHops, most, queries int, confidence float64) *explorer {
	return &explorer{
		target: target, maxHops: maxHops, most: most, queries: queries, miss: 1 - confidence, rules: map[int]*rule{},
	}
}

// ruleFor is the rule where so many vertices have several next hops: twice as
// many and two share the chance of a miss.
func (x *explorer) ruleFor(branches int) *rule {
	if x.rules[branches] == nil {
		x.rules[branches] = newRule(x.miss / x.sharers(branches))
	}
	return x.rules[branches]
}

func (x *explorer) sharers(branches int) float64 { return 2 * float64(branches+1) }

// purpose is what a probe is for.
type purpose byte

const (
	forRule   purpose = iota // the rule asks for it
	forFlow                  // to find a flow that passes a vertex
	forSame                  // sent again, to see whether it goes the same way
	forLost                  // sent again, because nothing came back
	forSilent                // to see whether anything is behind a silent hop
	forBox                   // to see whether the target is where it answers
	forEnd                   // to measure a path to its end
)

// want is a probe that the explorer asks for.
type want struct {
	flow *flow // nil: one that was not used yet
	ttl  int
	why  purpose
	loss bool // what is sent again was lost on a way that loses at random
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
	p.x.short = left < 0
	return list
}

// counts tells whether a probe is one of those that the rule's number is compared
// with: what is lost on the way, or meets silence, it does not know.
func (w want) counts() bool { return w.why <= forSame || w.why == forBox }

func (p *plan) add(f *flow, ttl int, why purpose) {
	p.list = append(p.list, want{flow: f, ttl: ttl, why: why})
	p.taken[probed{f, ttl}] = true
}

// open tells whether a flow's hop has not been asked for.
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

// locate asks where a flow is, at a TTL or, where that is known and did not help,
// before it.
func (p *plan) locate(f *flow, ttl int) {
	for ; ttl > 0 && f.pair(ttl) != nil; ttl-- {
	}
	if ttl > 0 && p.open(f, ttl) {
		p.add(f, ttl, forFlow)
	}
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

// more asks where flows are that may pass a vertex, as many as may be it takes on
// average for n to do so: those first that are known to pass a vertex from which
// most come here, and flows that were not used yet last.
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
		switch q := f.pair(v.ttl); {
		case q != nil && (q.flying() || q.answered() == 0), p.taken[probed{f, v.ttl}]:
			n -= share
		case q == nil && share > 0 && (len(f.at) < v.ttl || f.at[v.ttl-1] == nil):
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

// inferring tells whether further flows need not be tried, since all go one way.
func (v *vertex) inferring(r *rule) bool {
	return len(v.next) == 1 && v.flying == 0 && len(v.pending) == 0 && v.settled >= r.stop(1)
}

// prove asks where a flow was before, for each link that only flows show of which
// that was inferred.
func (p *plan) prove(v *vertex) {
	for _, l := range v.next {
		if f := l.unproven; f != nil && !l.proven && !v.silent && !v.cloud() {
			p.locate(f, v.ttl)
		}
	}
}

// behind looks behind silence, and behind answers in the target's name.
func (p *plan) behind(v *vertex) {
	switch {
	case v.perhaps && !v.given:
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

// searched tells whether the scouts behind a silent vertex have ended.
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

// next is what to send next: what the rule asks for and, when that is done, what
// measures the paths to their ends.
func (x *explorer) next() []want {
	if x.follows {
		return x.follow()
	}
	g := x.graph()
	list := x.plan(g)
	if len(list) == 0 && !x.flying() {
		list = x.ends(g)
	}
	return list
}

// flying tells whether any probe is under way.
func (x *explorer) flying() bool {
	return slices.ContainsFunc(x.flows, func(f *flow) bool {
		return slices.ContainsFunc(f.pairs, func(q *pair) bool { return q != nil && q.flying() })
	})
}

// unused makes a flow of a port that was not used yet.
func (x *explorer) unused(ports []uint16) *flow {
	f := &flow{id: len(x.flows)}
	if f.id < len(ports) {
		f.port = ports[f.id]
	}
	x.flows = append(x.flows, f)
	return f
}

// begin enters a probe as sent.
func (x *explorer) begin(w want) *attempt {
	q := w.flow.begin(w.ttl)
	a := &attempt{}
	q.attempts = append(q.attempts, a)
	x.sent++
	switch {
	case w.counts():
		x.tested++
	case w.why != forEnd:
		x.repeated++
	}
	return a
}

// asks is how many probes the stopping rule asks for, and finding the flows for it
// takes on average: see the package text.
func (g *graph) asks() int {
	share := map[*vertex]float64{g.root: 1}
	sum := 0.0
	for ttl, level := range g.levels {
		var quotas []quota
		asked, own := 0.0, 0.0
		for _, v := range level {
			for _, l := range v.next {
				share[l.to] += share[v] * l.share()
			}
			if len(v.next) > 1 && !v.spreads {
				own += repeats
			}
			if v.place.ends && !v.box {
				own += float64(len(v.before))
			}
			if v.ends() || len(v.flows) == 0 {
				continue
			}
			n := g.rule.stop(v.shown())
			asked += float64(n)
			if share[v] > 0 {
				quotas = append(quotas, quota{n, share[v]})
			}
		}
		sum += own + asked
		if ttl > 0 && len(quotas) > 0 {
			sum += max(0, filled(quotas)-g.askedAt(ttl-1))
		}
	}
	return int(math.Ceil(sum))
}

// askedAt is how many flows the rule sends through the vertices of a TTL.
func (g *graph) askedAt(ttl int) (n float64) {
	for _, v := range g.levels[ttl] {
		if !v.ends() {
			n += float64(g.rule.stop(v.shown()))
		}
	}
	return n
}

// least is how many probes the rule asks for, without what finding flows takes.
func (g *graph) least() (n int) {
	for ttl := range g.levels {
		n += int(g.askedAt(ttl))
	}
	return n
}

// confidence is the highest at which the rule would have stopped where the
// exploration did: 0 where a vertex was not tried at all.
func (x *explorer) confidence(g *graph) float64 {
	worst := 0.0
	g.vertices(func(v *vertex) {
		if !v.ends() && v.ttl < x.maxHops {
			worst = max(worst, unseen(max(v.shown(), 1)+1, v.settled))
		}
	})
	return max(0, 1-worst*x.sharers(g.branches))
}
