package isn

import (
	"fmt"
	"math"

	"synscope/craft"
)

// detectStore finds numbers drawn again from a small store: a coder that tells
// each as one of those before or as a new one saves so much.
func detectStore(v *view) (verdict, bool) {
	seen := make(map[craft.Seq]int)
	old, saved := 0.5, 0.0
	for i := range v.points {
		n := float64(i) + 1
		x := v.points[i].x
		if seen[x] > 0 {
			saved += wordBits - math.Log2(float64(len(seen))) + math.Log2(old/n)
			old++
		} else {
			saved += math.Log2((n - old) / n)
		}
		seen[x]++
	}
	again := len(v.points) - len(seen)
	if again == 0 || saved <= 0 {
		return verdict{}, false
	}
	return storeVerdict(len(v.points), again, saved), true
}

// storeVerdict reports numbers of which so many of n came again.
func storeVerdict(n, again int, saved float64) verdict {
	pool := poolSize(n, again)
	out := verdict{class: ClassWeakRandom, variant: "collisions", saved: saved, freeBits: Some(math.Log2(pool))}
	out.note("collisions", Warning, fmt.Sprintf("%d of %d numbers were there before", again, n),
		"Numbers come again: there are only about %.0f of them.", pool)
	return out
}

// poolSize estimates the size of the store from how many of n draws were there
// before, by bisection on the expected number of different ones.
func poolSize(n, again int) float64 {
	want := float64(n - again)
	low, high := want, 1e12
	for range 100 {
		mid := math.Sqrt(low * high)
		if mid*-math.Expm1(float64(n)*math.Log1p(-1/mid)) < want {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}
