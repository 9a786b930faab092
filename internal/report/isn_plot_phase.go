package report

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"synscope/probe/isn"
)

// inOrder sorts dots by time and, where they have times, counts seconds from
// the first.
func inOrder(dots []isnDot, timed bool) []isnDot {
	slices.SortStableFunc(dots, func(a, b isnDot) int { return cmp.Compare(a.at, b.at) })
	if !timed || len(dots) == 0 {
		return dots
	}
	start := dots[0].at
	for i := range dots {
		dots[i].at = (dots[i].at - start) / 1e9
	}
	return dots
}

// phasePoint is a point of the phase space: three differences in a row.
type phasePoint [3]float64

// phaseSpace are the delayed differences of the numbers in the order of time,
// after Zalewski (Strange Attractors and TCP/IP Sequence Number Analysis, 2001):
// x = s[n-2] - s[n-3], y = s[n-1] - s[n-2], z = s[n] - s[n-1].
func phaseSpace(dots []isnDot) (points []phasePoint) {
	for i := 3; i < len(dots); i++ {
		points = append(points, phasePoint{
			signed(dots[i-2].isn - dots[i-3].isn), signed(dots[i-1].isn - dots[i-2].isn), signed(dots[i].isn - dots[i-1].isn),
		})
	}
	return points
}

// project looks at a cube of edge 2 from above one of its corners, slightly
// turned, so that planes through the axes do not fall onto lines.
func project(p phasePoint) plotter.XY {
	const turn, tilt = 35 * math.Pi / 180, 25 * math.Pi / 180
	x := p[0]*math.Cos(turn) - p[1]*math.Sin(turn)
	deep := p[0]*math.Sin(turn) + p[1]*math.Cos(turn)
	return plotter.XY{X: x, Y: p[2]*math.Cos(tilt) + deep*math.Sin(tilt)}
}

// phasePanel draws the phase space in a cube that just holds it: a random
// generator fills a cube of the whole sequence space, structure shows as a
// small cube, or as dots, lines and planes in it.
func phasePanel(_ *ISN, dots []isnDot, _ []isn.Sample) (*plot.Plot, error) {
	points := phaseSpace(dots)
	reach := phaseReach(points)
	if reach > seqSpace/4 {
		reach = seqSpace / 2
	}
	p := newPlot(fmt.Sprintf("phase space: %s, %s", placesOf(points), reachWords(reach)), "", "")
	p.X.Tick.Marker, p.Y.Tick.Marker = noTicks{}, noTicks{}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -1.6, 1.6, -1.6, 1.6
	p.HideAxes()
	if err := addCube(p); err != nil || len(points) == 0 {
		return p, err
	}
	return p, addPhase(p, points, reach)
}

// phaseReach is half the cube's edge: the farthest point.
func phaseReach(points []phasePoint) float64 {
	reach := 0.0
	for _, p := range points {
		for _, d := range p {
			reach = max(reach, math.Abs(d))
		}
	}
	return reach
}

func reachWords(reach float64) string {
	switch {
	case reach == 0:
		return "no difference at all"
	case reach == seqSpace/2:
		return "± 2^31, all there is"
	}
	return "± " + roundCount(reach) + " each way"
}

// roundCount is a count to three digits: "2.15 billion".
func roundCount(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " billion"}, {1e6, " million"}} {
		if v >= unit.size {
			return scaled(v/unit.size) + unit.name
		}
	}
	return Count(uint64(v))
}

// placesOf counts points and the different places they are at.
func placesOf(points []phasePoint) string {
	places := map[phasePoint]bool{}
	for _, p := range points {
		places[p] = true
	}
	if len(places) == len(points) {
		return countOf(uint64(len(points)), "point")
	}
	return countOf(uint64(len(points)), "point") + " at " + countOf(uint64(len(places)), "place")
}

// addPhase draws the points, the near ones dark; where several fall together
// the point is larger.
func addPhase(p *plot.Plot, points []phasePoint, reach float64) error {
	count := map[phasePoint]int{}
	for _, q := range points {
		count[q]++
	}
	scale := 1 / math.Max(reach, 1)
	for q, n := range count {
		at := phasePoint{q[0] * scale, q[1] * scale, q[2] * scale}
		dot, err := plotter.NewScatter(plotter.XYs{project(at)})
		if err != nil {
			return err
		}
		dot.GlyphStyle = draw.GlyphStyle{Color: depthColour(at), Shape: draw.CircleGlyph{},
			Radius: radius(len(points)) + vg.Length(2*math.Log2(float64(n)))}
		p.Add(dot)
	}
	return nil
}

// depthColour is darker in front.
func depthColour(p phasePoint) color.RGBA {
	c := palette[0]
	if p[0]+p[1] > 0 {
		return fade(c)
	}
	return c
}

// addCube draws the edges of the cube, and names its axes.
func addCube(p *plot.Plot) error {
	for axis := range 3 {
		for corner := range 4 {
			var from phasePoint
			from[(axis+1)%3] = float64(corner&1)*2 - 1
			from[(axis+2)%3] = float64(corner&2) - 1
			to := from
			from[axis], to[axis] = -1, 1
			edge, err := plotter.NewLine(plotter.XYs{project(from), project(to)})
			if err != nil {
				return err
			}
			edge.Color, edge.Width = color.RGBA{180, 180, 180, 255}, 0.7
			p.Add(edge)
		}
	}
	return addAxes(p)
}

// addAxes names the edges that meet in the corner below.
func addAxes(p *plot.Plot) error {
	names, err := plotter.NewLabels(plotter.XYLabels{
		XYs: plotter.XYs{
			project(phasePoint{0.1, -1.25, -1}), project(phasePoint{-1.55, -0.1, -1}), project(phasePoint{-1.25, 1, 0.1}),
		},
		Labels: []string{"s2 − s1", "s3 − s2", "s4 − s3"},
	})
	if err != nil {
		return err
	}
	for i := range names.TextStyle {
		names.TextStyle[i].Font.Size = 10
		names.TextStyle[i].Color = color.RGBA{110, 110, 110, 255}
	}
	p.Add(names)
	return nil
}

// noTicks marks nothing.
type noTicks struct{}

// Ticks implements [plot.Ticker].
func (noTicks) Ticks(_, _ float64) []plot.Tick { return nil }
