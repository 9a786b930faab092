package paths

import (
	"net/netip"
	"slices"
)

// explorer keeps what was sent and what came back, and says what to send next. It has no
// clock and no network.
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
	follows  bool // the flows are given, and nothing is looked for
	over     bool // silence is taken for an answer: nothing more is sent
	crowded  int  // the TTL at which too many answer for a network; 0: none

	latest *graph // that next drew; nil: none yet

	// trust reports whether silence at a TTL means that nothing answers there, and not that
	// its routers answer seldom; nil: it does.
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

// next is what to send next: what the rule asks for and, when that is done, what
// measures the paths to their ends.
func (x *explorer) next() []want {
	if x.follows {
		return x.follow()
	}
	g := x.graph()
	x.latest = g
	if x.crowded = g.crowd(); x.crowded > 0 {
		return nil
	}
	list := x.plan(g)
	if len(list) == 0 && !x.flying() {
		list = x.ends(g)
	}
	return list
}

// flying reports whether any probe is under way.
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
