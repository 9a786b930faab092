package paths

import "math/rand/v2"

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
