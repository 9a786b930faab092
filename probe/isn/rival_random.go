package isn

import (
	"fmt"
	"math"

	"synscope/craft"
)

// randomVerdict says what was looked for.
func randomVerdict(v *view) verdict {
	out := verdict{class: ClassRandom}
	out.note("no-structure", Info, fmt.Sprintf("%d numbers on %d tuples", len(v.points), len(v.tuples)),
		"No counter, clock, cookie, generator, bias or collision that so many samples would show. Weak generators of other kinds need more of them.")
	return out
}

// What the word random takes: so many numbers, so many of them on one tuple,
// so many tuples.
const (
	leastRandom      = 12
	leastRandomSame  = 4
	leastRandomPorts = 4
)

// unladdered is the confidence in random where a keyed cookie could hide.
const unladdered = 0.78

// repeatsSYN reports whether some SYN was repeated exactly and got another
// number than before.
func repeatsSYN(v *view) bool {
	type syn struct {
		tuple  int
		client Opt[craft.Seq]
		offer  Opt[Offer]
	}
	seen := make(map[syn]bool)
	for i := range v.points {
		p := &v.points[i]
		key := syn{p.tuple, p.sample.ClientISN, p.sample.Offer}
		if p.sample.ClientISN.OK && seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}

// randomConfidence grows with what would have been seen.
func randomConfidence(n int) float64 {
	return min(0.985, 1-0.6*math.Exp2(-float64(n)/5))
}
