package isn

import (
	"fmt"

	"synscope/craft"
)

// leastPeriod is the shortest period of a cookie's counter, in s.
const leastPeriod = 30

// detectOptionsCookie finds a hash of the tuple that also holds our options,
// and not our ISN, as in Bernstein's first proposal: the number is constant for
// equal options but for a counter's tick, other options bring other numbers, and
// some of them a former one again.
func detectOptionsCookie(v *view) (verdict, bool) {
	steady, moved, returns := 0, 0, 0
	for _, g := range v.repeated(2) {
		last := make(map[Opt[Offer]]point)
		seen := make(map[craft.Seq]bool)
		for i, p := range g {
			was, known := last[p.sample.Offer]
			last[p.sample.Offer] = p
			switch {
			case known && was.x != p.x:
				moved++
			case known && was.sample.ClientISN != p.sample.ClientISN:
				steady++
			}
			if seen[p.x] && g[i-1].x != p.x && g[i-1].sample.Offer != p.sample.Offer {
				returns++
			}
			seen[p.x] = true
		}
	}
	span := v.points[len(v.points)-1].t - v.points[0].t
	if steady < 3 || returns == 0 || float64(moved) > 1+span/leastPeriod {
		return verdict{}, false
	}
	out := verdict{class: ClassSYNCookies, variant: VariantOther, confidence: sure(8 * float64(steady)), inputs: []string{"port", "options"}}
	if moved > 0 {
		out.inputs = append(out.inputs, "time")
	}
	out.note("syn-cookie", Notice, fmt.Sprintf("%d repeats under other numbers of ours got the same number, %d others; %d times other options moved it back", steady, moved, returns),
		"The number is a keyed function of the four-tuple and our options: the host keeps no state for half-open connections.")
	out.proxy(v)
	return out, true
}
