package paths

import (
	"slices"
)

// graph is what the evidence amounts to.
type graph struct {
	rule     *rule
	root     *vertex
	levels   [][]*vertex // by TTL; the first holds the root
	branches int         // vertices with more than one next hop
	strays   []*pair     // answered by whom no vertex before leads to
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
		g := &graph{rule: x.ruleFor(x.branches), root: &vertex{flows: x.flows, waist: true, lossy: -1}}
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
	g.vertices(func(v *vertex) {
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
