package isn

import (
	"math"
	"math/bits"
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
		return math.Exp2(-(&steps{}).bitsOf(int64(m)-int64(k), int64(k), mean))
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

// octaves is growth by a positive amount whose size nobody knows beforehand: the
// code learns how often each power of two was the size, and takes all amounts of
// one size for equally likely. It fits any bounded random step, with others'
// connections in between or without, and costs 32 bits where there is none.
type octaves struct {
	seen  [33]float64
	total float64
	sizes []uint32
}

// mostOctave bounds what counts as a step: among random numbers one difference in
// eight is smaller.
const mostOctave = 29

// share is the chance of a size: before anything was seen all are alike, and
// neighbours of what was seen gain a little.
func (g *octaves) share(size int) float64 {
	near := 0.5 * g.seen[size]
	if size > 0 {
		near += 0.25 * g.seen[size-1]
	}
	if size < 32 {
		near += 0.25 * g.seen[size+1]
	}
	return (near + 1.0/33) / (g.total + 1)
}

func (g *octaves) price(v *view, s *strand, p *point) (b, miss float64) {
	d := uint32(p.x - v.points[s.last].x)
	size := bits.Len32(d)
	if size > mostOctave {
		return math.Inf(1), 0
	}
	miss = 2*math.Abs(float64(d)-g.middle()) + 1
	return -math.Log2(g.share(size)) + max(0, float64(size-1)), miss
}

// middle is the median of the amounts seen.
func (g *octaves) middle() float64 {
	if len(g.sizes) == 0 {
		return 0
	}
	return float64(g.sizes[len(g.sizes)/2])
}

func (g *octaves) take(v *view, s *strand, p *point) {
	if s.n == 0 {
		return
	}
	d := uint32(p.x - v.points[s.last].x)
	g.seen[bits.Len32(d)]++
	g.total++
	if len(g.sizes) < 512 {
		at := len(g.sizes)
		g.sizes = append(g.sizes, d)
		for at > 0 && g.sizes[at-1] > d {
			g.sizes[at] = g.sizes[at-1]
			at--
		}
		g.sizes[at] = d
	}
}

func (*octaves) cost(*view) float64 { return 4 }

func (*octaves) fresh() growth { return &octaves{} }
