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
	c := succession{next: map[craft.Seq]craft.Seq{}, votes: map[[2]craft.Seq]int{}, seen: map[craft.Seq]bool{}, right: 9, wrong: 1}
	for i := range v.points {
		if i > 0 {
			c.read(&v.points[i-1], &v.points[i])
		} else {
			c.seen[v.points[i].x] = true
		}
	}
	n := distinct(v.points)
	if c.hits < 2 || c.same*6 > len(v.points) || n < 2 || n > mostPeriod {
		return verdict{}, false
	}
	out := verdict{class: ClassRepeating, saved: c.saved, nextKnown: true}
	out.note("short-cycle", Warning, fmt.Sprintf("%d values, succession confirmed %d times: %s", n, c.hits, someValues(v.points)),
		"The numbers come round in a cycle of %d.", n)
	return out, true
}

// succession learns which number follows which, and adds up the bits that this saves.
type succession struct {
	next         map[craft.Seq]craft.Seq // the number that followed most often
	votes        map[[2]craft.Seq]int    // how often the second followed the first
	seen         map[craft.Seq]bool
	right, wrong float64 // predictions, beginning with a prior
	saved        float64 // bits
	hits, same   int     // right predictions, and numbers that are the one before
}

// read takes in the number p after was.
func (c *succession) read(was, p *point) {
	gap := p.k - was.k
	known, found := goRound(c.next, was.x, p.x, gap)
	switch {
	case gap == 1 && was.x == p.x:
		c.same++
	case gap == 1:
		c.learn(was.x, p.x)
	}
	switch {
	case found:
		c.saved += wordBits - math.Log2(float64(gap)) + math.Log2(c.right/(c.right+c.wrong))
		c.right++
		c.hits++
		return
	case known:
		c.saved += math.Log2(c.wrong / (c.right + c.wrong))
		c.wrong++
	}
	if c.seen[p.x] {
		c.saved += wordBits - 1 - math.Log2(float64(len(c.seen)))
	} else {
		c.saved--
	}
	c.seen[p.x] = true
}

// learn counts that y followed x directly.
func (c *succession) learn(x, y craft.Seq) {
	c.votes[[2]craft.Seq{x, y}]++
	if z, ok := c.next[x]; !ok || c.votes[[2]craft.Seq{x, y}] > c.votes[[2]craft.Seq{x, z}] {
		c.next[x] = y
	}
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
