package isn

import (
	"fmt"
	"math"

	"synscope/craft"
)

// mostPeriod is the longest cycle that is looked for.
const mostPeriod = 64

// detectCycle finds numbers that come round: what followed a number before follows
// it again. Where attempts were lost the cycle may have gone on further.
func detectCycle(v *view) (verdict, bool) {
	next := make(map[craft.Seq]craft.Seq)
	votes := make(map[[2]craft.Seq]int)
	seen := make(map[craft.Seq]bool)
	right, wrong, saved, hits, same := 9.0, 1.0, 0.0, 0, 0
	for i := range v.points {
		p, known, found, gap := &v.points[i], false, false, 0
		if i > 0 {
			was := &v.points[i-1]
			gap = p.k - was.k
			if was.x == p.x && gap == 1 {
				same++
			}
			known, found = goRound(next, was.x, p.x, gap)
			if gap == 1 && was.x != p.x {
				votes[[2]craft.Seq{was.x, p.x}]++
				if y, ok := next[was.x]; !ok || votes[[2]craft.Seq{was.x, p.x}] > votes[[2]craft.Seq{was.x, y}] {
					next[was.x] = p.x
				}
			}
		}
		switch {
		case found:
			saved += wordBits - math.Log2(float64(gap)) + math.Log2(right/(right+wrong))
			right++
			hits++
			continue
		case known:
			saved += math.Log2(wrong / (right + wrong))
			wrong++
		}
		if seen[p.x] {
			saved += wordBits - 1 - math.Log2(float64(len(seen)))
		} else if i > 0 {
			saved--
		}
		seen[p.x] = true
	}
	n := distinct(v.points)
	if hits < 2 || same*6 > len(v.points) || n < 2 || n > mostPeriod {
		return verdict{}, false
	}
	out := verdict{class: ClassRepeating, saved: saved, nextKnown: true}
	out.note("short-cycle", Warning, fmt.Sprintf("%d values, succession confirmed %d times: %s", n, hits, someValues(v.points)),
		"The numbers come round in a cycle of %d.", n)
	return out, true
}

// goRound walks the known successions up to gap steps from one number, and reports
// whether the way is known and whether the other number is on it.
func goRound(next map[craft.Seq]craft.Seq, from, to craft.Seq, gap int) (known, found bool) {
	x := from
	for m := 0; m < min(gap, mostPeriod); m++ {
		y, ok := next[x]
		if !ok {
			return false, false
		}
		if y == to {
			return true, true
		}
		x = y
	}
	return true, false
}
