package isn

import (
	"math"
	"math/bits"
	"slices"
)

// octaves is growth by a positive amount whose size nobody knows beforehand: the
// code learns how often each power of two was the size, and takes all amounts of
// one size for equally likely. It fits any bounded random step, with others'
// connections in between or without, and costs 32 bits where there is none.
type octaves struct {
	seen  [33]float64
	total float64
	sizes []uint32 // in order, the first mostSizes
}

// mostSizes is of how many amounts the median is known.
const mostSizes = 512

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
	if len(g.sizes) < mostSizes {
		at, _ := slices.BinarySearch(g.sizes, d)
		g.sizes = slices.Insert(g.sizes, at, d)
	}
}

func (*octaves) cost(*view) float64 { return 4 }

func (*octaves) fresh() growth { return &octaves{} }

// increments are random steps: of any size, and between the least and the largest.
func increments(v *view, key factor) []*standing {
	m := model{class: ClassRandomIncrement, name: "random steps", key: key,
		propose: func(v *view) *standing { return increments(v, key)[0] }}.by(&octaves{})
	if key != 0 {
		m.class = ClassTupleRandomIncrement
	}
	list := []*standing{m.fit(v)}
	gaps := v.gaps(key)
	if len(gaps) < leastIncrements {
		return list
	}
	b := band{low: math.MaxUint32, own: key != 0}
	for _, g := range v.groups(key).members(v.points) {
		for i := 1; i < len(g); i++ {
			d := uint32(g[i].x - g[i-1].x)
			if d != 0 && lostBetween(&g[i-1], &g[i]) == 0 {
				b.low, b.high = min(b.low, d), max(b.high, d)
			}
		}
	}
	if b.low < b.high && b.high < 1<<30 {
		list = append(list, m.by(&b).fit(v))
	}
	if key == 0 && v.timed {
		list = append(list, busyBand(v, m, gaps)...)
	}
	return best(list)[:1]
}

// leastIncrements is how many steps of more than nothing must have been seen.
const leastIncrements = 3
