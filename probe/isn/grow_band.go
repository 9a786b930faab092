package isn

import (
	"math"
)

// band is growth by a random amount between low and high a connection, ours and
// others', which make rate of them a second (Poisson). Where attempts were lost, each
// of them added as much or was not seen.
type band struct {
	low, high uint32
	rate      float64
	own       bool // attempts are not counted across groups
}

func (g *band) price(v *view, s *strand, p *point) (b, miss float64) {
	d := float64(uint32(p.x - v.points[s.last].x))
	k := min(s.passed(v, p, g.own), mostSkipped)
	low, high, mean := float64(g.low), float64(g.high), g.rate*max(p.t-v.points[s.last].t, 0)
	chance := 0.0
	for m := max(math.Ceil(d/high), 1); m <= math.Floor(d/low) && (m <= float64(k) || g.rate > 0 && m <= d/high+mostTimes); m++ {
		chance += g.share(m, k, mean) / (m*(high-low) + 1)
	}
	return -math.Log2(chance), 2*math.Abs(d-(float64(k)+math.Round(mean))*(low+high)/2) + 1
}

// mostTimes is how many numbers of connections one difference is tried for.
const mostTimes = 16

// share is the chance of m connections where k of them are ours, at most.
func (g *band) share(m float64, k int, mean float64) float64 {
	if g.rate > 0 {
		return math.Exp2(-connectionsBits(int64(m)-int64(k), int64(k), mean))
	}
	return 1 / float64(k)
}

func (*band) take(*view, *strand, *point) {}

func (g *band) cost(*view) float64 {
	return 4 + math.Log2(float64(g.low)+1) + math.Log2(float64(g.high)+1) + cond(g.rate > 0, 8.0, 0)
}

func (g *band) fresh() growth { return g }

// narrowBand is the band whose multiples all the differences are, and how many
// connections they are of; it is no band where it is wider than a quarter of the least.
func narrowBand(gaps []int32) (b band, connections float64) {
	least := uint32(math.MaxUint32)
	for _, d := range gaps {
		least = min(least, uint32(d))
	}
	b.low = least
	for _, d := range gaps {
		m := math.Round(float64(uint32(d)) / float64(least))
		if each := float64(uint32(d)) / m; each >= float64(least) {
			b.high = max(b.high, uint32(math.Ceil(each)))
		}
		connections += m
	}
	return b, connections
}

// busyBand fits random steps of nearly one size, with other people's connections
// between ours.
func busyBand(v *view, m model, gaps []int32) []*standing {
	b, n := narrowBand(gaps)
	if b.low < leastBand || b.low >= b.high || uint64(b.high-b.low)*narrow > uint64(b.low) || v.span() <= 0 {
		return nil
	}
	b.rate = max(n-float64(len(gaps)), 1) / v.span()
	return []*standing{m.by(&b).fit(v)}
}

// leastBand is the smallest step of which a narrow band is told from a clock, and narrow
// how many times narrower than it the band must be.
const (
	leastBand = 32
	narrow    = 4
)
