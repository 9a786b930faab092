package paths

import (
	"math"
	"net/netip"
	"slices"
)

// vertex is a place that flows pass, at one TTL: an interface, or what is known of
// a hop that does not answer, or the several interfaces behind a balancer that
// sends each packet elsewhere.
type vertex struct {
	id       int
	ttl      int
	place    place   // of an interface; the zero value otherwise
	members  []place // of the interfaces behind a balancer of packets
	silent   bool
	perhaps  bool // silent, and nothing behind it has answered: perhaps nothing is there
	given    bool // the same, and looked for long enough
	box      bool // answers in the target's name, and is not the target
	loop     bool // the same interface for the third time
	waist    bool // all flows pass here
	spreads  bool // sends the packets of one flow to several next hops
	flows    []*flow
	inferred map[*flow]bool // that pass here although it was not tried
	before   []*vertex

	next    []*link
	settled int // flows for which the next hop is known
	flying  int // flows for which it is being asked
	pending []*pair
	same    int     // probes sent twice that went the same way
	lossy   float64 // share of probes lost of those that were for hops behind and were answered in the end; -1: not known yet
}

// link is the way from one vertex to the next.
type link struct {
	from, to *vertex
	flows    int
	proven   bool  // by a flow that was seen at both ends
	unproven *flow // or one that was not
}

// share is how much of what passes the vertex before goes this way: as the flows
// were seen to, with a few added that go each way alike, since routers balance
// evenly more often than not.
func (l *link) share() float64 {
	const added = 8
	return float64(l.flows+added) / float64(l.from.settled+added*len(l.from.next))
}

// ends tells whether no hop is looked for behind the vertex.
func (v *vertex) ends() bool { return v.place.ends && !v.box || v.loop || v.perhaps }

// cloud tells whether the vertex stands for several interfaces.
func (v *vertex) cloud() bool { return len(v.members) > 0 }

// shown is how many next hops the vertex has shown.
func (v *vertex) shown() (n int) {
	for _, l := range v.next {
		n += max(1, len(l.to.members))
	}
	return n
}

// graph is what the evidence amounts to.
type graph struct {
	rule     *rule
	root     *vertex
	levels   [][]*vertex // by TTL; the first holds the root
	branches int         // vertices with more than one next hop
	strays   []*pair     // answered by whom no vertex before leads to
	length   int         // the highest TTL at which the target was found first by a flow; 0: by none
}

// vertices are all of them, the nearest first.
func (g *graph) vertices(do func(*vertex)) {
	for _, level := range g.levels {
		for _, v := range level {
			do(v)
		}
	}
}

// graph draws the graph anew from all evidence. The more branchings it shows, the
// more must be known of each vertex, which may open some again.
func (x *explorer) graph() *graph {
	for {
		for _, f := range x.flows {
			f.at = f.at[:0]
		}
		g := &graph{rule: x.ruleFor(x.branches), root: &vertex{flows: x.flows, waist: true, lossy: -1}, length: x.length()}
		g.levels = [][]*vertex{{g.root}}
		for ttl := 1; ttl <= x.maxHops; ttl++ {
			level := x.level(g, ttl)
			if len(level) == 0 {
				break
			}
			g.levels = append(g.levels, level)
			x.narrow(g)
		}
		g.count()
		if g.branches <= x.branches {
			return g
		}
		x.branches = g.branches
	}
}

func (g *graph) count() {
	id := 0
	g.vertices(func(v *vertex) {
		v.id = id
		id++
		if len(v.next) > 1 || v.shown() > 1 {
			g.branches++
		}
	})
}

// length is the highest TTL at which the target was first found.
func (x *explorer) length() (most int) {
	for _, f := range x.flows {
		for _, p := range f.pairs {
			if p == nil {
				continue
			}
			if slices.Contains(p.places(), place{x.target, true}) {
				most = max(most, p.ttl)
				break
			}
		}
	}
	return most
}

// level finds the vertices of a TTL, given those of the one before.
func (x *explorer) level(g *graph, ttl int) []*vertex {
	l := level{x: x, ttl: ttl, known: map[place]*vertex{}}
	for _, v := range g.levels[ttl-1] {
		if !v.ends() {
			l.pass(v)
		}
	}
	if len(l.list) > 0 {
		l.adopt(g)
	}
	for _, v := range l.list {
		x.classify(v)
		for _, f := range v.flows {
			f.at = append(f.at[:min(ttl-1, len(f.at))], slices.Repeat([]*vertex{nil}, max(0, ttl-1-len(f.at)))...)
			f.at = append(f.at, v)
		}
	}
	return l.list
}

// adopt puts the flows of which only this hop was asked for where they were seen.
// Where nothing else was seen there, somebody before has a next hop that is not
// known yet.
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

// spread notices that the packets of a flow are told apart: they go to several
// places, or come from several places of which each has other next hops.
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

// refuses puts a flow that met silence where others from there were told that the
// way ends, unless it goes on elsewhere: routers that have no way on say so seldom,
// whatever the TTL.
func (l *level) refuses(v *vertex, p *pair, at map[*pair][]place) bool {
	refusing, found := refusal(at, l.x.target)
	if !found {
		return false
	}
	for _, q := range p.flow.pairs[p.ttl:] {
		if q != nil && q.answered() > 0 && q.places()[0] != refusing {
			return false
		}
	}
	l.join(v, l.at(refusing), p)
	return true
}

// refusal is the one router that told flows that the way ends.
func refusal(at map[*pair][]place, target netip.Addr) (one place, found bool) {
	for _, places := range at {
		for _, w := range places {
			if w.ends && w.addr != target {
				if found && w != one {
					return place{}, false
				}
				one, found = w, true
			}
		}
	}
	return one, found
}

func (l *level) at(w place) *vertex {
	if l.known[w] == nil {
		l.known[w] = &vertex{ttl: l.ttl, place: w, lossy: -1}
		l.list = append(l.list, l.known[w])
	}
	return l.known[w]
}

func (l *level) star() *vertex {
	s := &vertex{ttl: l.ttl, silent: true, lossy: -1}
	l.list = append(l.list, s)
	return s
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

// infer lets the flows that were not tried follow the others, where all went one
// way and the rule takes it for the only one: as the rule is to begin with, so that
// nothing disappears while it grows stricter.
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

// narrow notices that all flows pass the one vertex of the last level: none ended
// before, and all vertices since the last such one have shown all that the rule, as
// it is to begin with, asks for. So flows that were not tried since pass here too.
func (x *explorer) narrow(g *graph) {
	last := g.levels[len(g.levels)-1]
	if len(last) != 1 || last[0].place.ends {
		return
	}
	base, top := x.ruleFor(0), len(g.levels)-2
	for ; ; top-- {
		for _, v := range g.levels[top] {
			if v.ends() || v.flying > 0 || len(v.pending) > 0 || v.settled < base.stop(v.shown()) {
				return
			}
		}
		if g.levels[top][0].waist {
			break
		}
	}
	last[0].waist = true
	last[0].take(g.levels[top][0].flows)
}

// take infers that flows pass a vertex.
func (v *vertex) take(flows []*flow) {
	here := map[*flow]bool{}
	for _, f := range v.flows {
		here[f] = true
	}
	if v.inferred == nil {
		v.inferred = map[*flow]bool{}
	}
	for _, f := range flows {
		if !here[f] {
			v.flows = append(v.flows, f)
			v.inferred[f] = true
		}
	}
}

const (
	triesSilent = 4  // before a probe is taken to meet silence
	triesLossy  = 20 // the same where probes are lost that others show to have a way
	triesKnown  = 2  // the same where others from there met silence already
	someSilent  = 3  // how many attempts without an answer show that a hop is silent where all are
)

// settle tells which of the pairs that were given up are taken to meet silence;
// the others are to be sent again. Where no flow from there was answered they
// stand for each other.
func (l *level) settle(v *vertex, silent []*pair, answered bool) (settled []*pair) {
	lost := 0
	for _, p := range silent {
		lost += p.lost()
	}
	trusted := l.x.trust == nil || l.x.trust(l.ttl)
	if l.x.over || !answered && lost >= someSilent && trusted {
		return silent
	}
	sure := 0
	for _, p := range silent {
		if p.lost() >= triesSilent {
			sure++
		}
	}
	for _, p := range silent {
		tries := patience(v, p.flow, l.ttl)
		if sure >= someSilent && tries == triesSilent {
			tries = triesKnown
		}
		if p.lost() >= tries {
			settled = append(settled, p)
		} else {
			v.pending = append(v.pending, p)
		}
	}
	return settled
}

// patience is how often a probe is sent until silence is no accident: at the loss
// that flows show that pass the same vertices, once in 100,000.
func patience(v *vertex, f *flow, ttl int) int {
	rate := v.loss()
	for _, u := range f.at[:min(ttl-1, len(f.at))] {
		if u != nil {
			rate = max(rate, u.loss())
		}
	}
	if rate == 0 {
		return triesSilent
	}
	return min(max(int(math.Ceil(math.Log(1e-5)/math.Log(rate))), triesSilent), triesLossy)
}

// loss is the share of probes that were lost of those for hops behind a vertex that
// were answered in the end; 0 where there are too few to tell.
func (v *vertex) loss() float64 {
	if v.lossy >= 0 {
		return v.lossy
	}
	sent, lost := 0, 0
	for _, f := range v.flows {
		for _, p := range f.pairs[min(v.ttl, len(f.pairs)):] {
			if p != nil && p.answered() > 0 {
				sent += p.answered() + p.lost()
				lost += p.lost()
			}
		}
	}
	v.lossy = 0
	if sent >= 5 {
		v.lossy = float64(lost) / float64(sent)
	}
	return v.lossy
}

// classify says what a vertex is, once its flows are known.
func (x *explorer) classify(v *vertex) {
	switch {
	case v.silent:
		v.perhaps = !slices.ContainsFunc(v.flows, func(f *flow) bool { return !v.inferred[f] && f.beyond(v.ttl) })
		v.given = v.perhaps && x.searched(v)
	case v.place.ends:
		v.box = slices.ContainsFunc(v.flows, func(f *flow) bool { return !v.inferred[f] && f.expires(v.ttl) })
	case v.place.addr.IsValid():
		v.loop = times(v, v.place.addr) >= 2
	}
}

// times is how often the way to a vertex met an address before.
func times(v *vertex, a netip.Addr) (n int) {
	for len(v.before) > 0 {
		v = v.before[0]
		if v.place.addr == a {
			n++
		}
	}
	return n
}
