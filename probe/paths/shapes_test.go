package paths

import "math/rand/v2"

// caterpillar is a chain of routers of which each sends half of the flows straight
// to the target: what one hides is seen by no other.
func caterpillar(seed uint64, n int) *world {
	w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), routes: make([][]int, n+1), target: n}
	for i := range n {
		w.routes[i] = []int{i + 1, n}
		if i+1 == n {
			w.routes[i] = []int{n}
		}
	}
	return w
}

// tree is a full binary tree whose leaves lead to the target.
func tree(seed uint64, depth int) *world {
	w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), routes: [][]int{nil}}
	level := []int{0}
	for range depth {
		var next []int
		for _, n := range level {
			for range 2 {
				w.routes[n] = append(w.routes[n], len(w.routes))
				next = append(next, len(w.routes))
				w.routes = append(w.routes, nil)
			}
		}
		level = next
	}
	w.target = len(w.routes)
	w.routes = append(w.routes, nil)
	for _, n := range level {
		w.routes[n] = []int{w.target}
	}
	return w
}

// diamonds are pairs of routers in a row, joined by single ones.
func diamonds(seed uint64, n, wide int) *world {
	w := &world{seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), routes: [][]int{nil}}
	at := 0
	for range n {
		join := len(w.routes) + wide
		for range wide {
			w.routes[at] = append(w.routes[at], len(w.routes))
			w.routes = append(w.routes, []int{join})
		}
		w.routes = append(w.routes, nil)
		at = join
	}
	w.target = len(w.routes)
	w.routes[at] = []int{w.target}
	w.routes = append(w.routes, nil)
	return w
}
