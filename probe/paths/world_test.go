package paths

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// world is a graph of routers to explore, without network and clock.
type world struct {
	seed    uint64
	routes  [][]int      // next hops of each router, from 0, the prober; the target has none
	packet  map[int]bool // sends each packet elsewhere
	mute    map[int]bool // forwards and never answers
	refuses map[int]int  // says so many times that it has no way on
	cut     map[[2]int]bool
	lossy   map[[2]int]float64
	loss    float64               // of each probe with its answer
	boxes   map[int]trace.HopKind // answer in the target's name
	eats    map[int]bool          // and forward nothing
	answers map[int]trace.HopKind // the same, for what expires there, and in no other case
	target  int
	rng     *rand.Rand
	back    *simnet.Path              // the way back, where it differs
	host    simnet.Host               // behind it all, in a simulated network
	edit    func(*craft.Segment, int) // what is quoted of a probe with a TTL
	limit   time.Duration             // a router sends one error in this time, after six at once; 0: all
	tokens  map[netip.Addr]time.Time
	sent    int
}

func (w *world) addr(n int) netip.Addr {
	if n == w.target {
		return netip.MustParseAddr("198.51.100.7")
	}
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// step is where a router sends a packet of a flow.
func (w *world) step(n, flow int) int {
	next := w.routes[n]
	if w.packet[n] {
		return next[w.rng.IntN(len(next))]
	}
	h := fnv.New64a()
	fmt.Fprint(h, w.seed, " ", n, " ", flow)
	mixed := rand.New(rand.NewPCG(h.Sum64(), w.seed))
	return next[mixed.IntN(len(next))]
}

// probe is what comes back.
func (w *world) probe(flow, ttl int) (answers []Answer) {
	w.sent++
	at := 0
	lost := w.rng.Float64() < w.loss
	for range ttl {
		if w.eats[at] {
			break
		}
		if w.refuses[at] > 0 {
			w.refuses[at]--
			return append(answers, Answer{Kind: trace.HopUnreachable, Addr: w.addr(at)})
		}
		to := w.step(at, flow)
		if w.cut[[2]int{at, to}] {
			return answers
		}
		lost = lost || w.rng.Float64() < w.lossy[[2]int{at, to}]
		at = to
		if kind, ok := w.boxes[at]; ok && !lost {
			answers = append(answers, Answer{Kind: kind, Addr: w.addr(w.target)})
		}
		if at == w.target {
			break
		}
	}
	switch {
	case lost || w.eats[at]:
		return answers
	case at == w.target:
		return append(answers, Answer{Kind: trace.HopSYNACK, Addr: w.addr(at)})
	case w.mute[at]:
		return answers
	case w.answers[at] != 0:
		return append(answers, Answer{Kind: w.answers[at], Addr: w.addr(w.target)})
	}
	return append(answers, Answer{Kind: trace.HopTimeExceeded, Addr: w.addr(at)})
}

// explore lets the explorer find the world, each round of probes at once.
func (w *world) explore(t testing.TB, x *explorer) *graph {
	t.Helper()
	for round := range 3000 {
		g := x.graph()
		list := x.plan(g)
		if len(list) == 0 {
			return g
		}
		var begun []*attempt
		var keys [][2]int
		for _, want := range list {
			if want.flow == nil {
				want.flow = x.unused(nil)
			}
			begun = append(begun, x.begin(want))
			keys = append(keys, [2]int{want.flow.id, want.ttl})
		}
		for i, a := range begun {
			a.answers = w.probe(keys[i][0], keys[i][1])
			a.lost = len(a.answers) == 0
		}
		if round == 2999 {
			t.Fatalf("seed %d: no end: %+v", w.seed, list)
		}
	}
	return nil
}

// edges are the links of the world as pairs of hop and address that some flow can take.
func (w *world) edges() map[string]bool {
	all := map[string]bool{}
	type spot struct{ n, ttl int }
	seen := map[spot]bool{}
	var visit func(s spot)
	visit = func(s spot) {
		if seen[s] || s.n == w.target {
			return
		}
		seen[s] = true
		for _, to := range w.routes[s.n] {
			all[edgeName(s.ttl, w.addr(s.n), w.addr(to))] = true
			visit(spot{to, s.ttl + 1})
		}
	}
	visit(spot{})
	return all
}

func edgeName(ttl int, from, to netip.Addr) string {
	if ttl == 0 {
		from = netip.Addr{}
	}
	return fmt.Sprint(ttl, " ", from, " ", to)
}

// found are the links of a graph in the same form.
func (g *graph) found() map[string]bool {
	all := map[string]bool{}
	g.vertices(func(v *vertex) {
		for _, l := range v.next {
			if !l.to.silent && !v.silent {
				all[edgeName(v.ttl, v.place.addr, l.to.place.addr)] = true
			}
		}
	})
	return all
}

// random makes a graph in which between 1 and most ways lead to the target:
// diamonds, trees that join again, ways of different lengths and meshes.
func random(seed uint64, most int) *world {
	rng := rand.New(rand.NewPCG(seed, 77))
	for {
		w := &world{seed: seed, rng: rng, routes: [][]int{nil}}
		level := []int{0}
		for range 2 + rng.IntN(8) {
			level = w.grow(level, rng)
		}
		w.target = len(w.routes)
		w.routes = append(w.routes, nil)
		for _, n := range level {
			w.routes[n] = append(w.routes[n], w.target)
		}
		if n := w.ways(0, map[int]int{}); n >= 1 && n <= most {
			return w
		}
	}
}

// grow adds a level of routers behind one.
func (w *world) grow(level []int, rng *rand.Rand) []int {
	width := []int{1, 1, 1, 2, 2, 3, 4, 8, 16, len(level), len(level)}[rng.IntN(11)]
	var next []int
	for range width {
		next = append(next, len(w.routes))
		w.routes = append(w.routes, nil)
	}
	for i, n := range level { // every router gets a next hop, every next hop is used
		w.routes[n] = append(w.routes[n], next[i*width/len(level)])
	}
	for i, n := range next {
		from := level[i*len(level)/width]
		if !slices.Contains(w.routes[from], n) {
			w.routes[from] = append(w.routes[from], n)
		}
	}
	if rng.IntN(4) == 0 { // a mesh
		from, to := level[rng.IntN(len(level))], next[rng.IntN(width)]
		if !slices.Contains(w.routes[from], to) {
			w.routes[from] = append(w.routes[from], to)
		}
	}
	return next
}

func (w *world) ways(n int, known map[int]int) (sum int) {
	if n == w.target {
		return 1
	}
	if known[n] == 0 {
		for _, to := range w.routes[n] {
			known[n] += w.ways(to, known)
		}
	}
	return known[n]
}

// textbook is the algorithm as it is published: hop by hop, vertex by vertex, a
// probe at a time. It is what the number of probes is compared with.
func (w *world) textbook(r *rule) (sent int) {
	type vertex struct{ n, ttl int }
	flows, tried := 0, map[[2]int]int{} // flow and TTL: where it is
	where := func(flow, ttl int) int {
		key := [2]int{flow, ttl}
		if at, ok := tried[key]; ok {
			return at
		}
		sent++
		at := 0
		for range ttl {
			if at != w.target {
				at = w.step(at, flow)
			}
		}
		tried[key] = at
		return at
	}
	known := map[vertex][]int{{}: nil}
	for level := []vertex{{}}; len(level) > 0; {
		var next []vertex
		for _, v := range level {
			if v.n == w.target {
				continue
			}
			seen := map[int]bool{}
			for n := 0; n < r.stop(len(seen)); n++ {
				for n >= len(known[v]) { // node control
					flows++
					at := vertex{}
					if v.ttl > 0 {
						at = vertex{where(flows, v.ttl), v.ttl}
					}
					known[at] = append(known[at], flows)
				}
				f := known[v][n]
				if _, before := tried[[2]int{f, v.ttl + 1}]; before {
					seen[where(f, v.ttl+1)] = true
					continue
				}
				to := vertex{where(f, v.ttl+1), v.ttl + 1}
				known[to] = append(known[to], f)
				if !seen[to.n] {
					seen[to.n] = true
				}
				if !slices.Contains(next, to) {
					next = append(next, to)
				}
			}
			if len(seen) > 1 {
				sent += repeats
			}
		}
		level = next
	}
	return sent
}

// sends reports whether a router may send an error now, as Linux decides it.
func (w *world) sends(a netip.Addr, now time.Time) bool {
	if w.limit == 0 {
		return true
	}
	if w.tokens == nil {
		w.tokens = map[netip.Addr]time.Time{}
	}
	first := now.Add(-6 * w.limit)
	if w.tokens[a].Before(first) {
		w.tokens[a] = first
	}
	if now.Sub(w.tokens[a]) < w.limit {
		return false
	}
	w.tokens[a] = w.tokens[a].Add(w.limit)
	return true
}
