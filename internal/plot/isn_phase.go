package plot

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"synscope/internal/picture"
	"synscope/internal/report/units"
)

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
func project(p phasePoint) picture.Point {
	const turn, tilt = 35 * math.Pi / 180, 25 * math.Pi / 180
	x := p[0]*math.Cos(turn) - p[1]*math.Sin(turn)
	deep := p[0]*math.Sin(turn) + p[1]*math.Cos(turn)
	return picture.Point{X: x, Y: p[2]*math.Cos(tilt) + deep*math.Sin(tilt)}
}

// leastPoints is how many points a cube is drawn for: fewer look like structure
// whatever the generator.
const leastPoints = 12

// phasePanel draws the phase space in a cube that just holds it: a random
// generator fills a cube of the whole sequence space, structure shows as a
// small cube, or as dots, lines and planes in it.
func (v *numbers) phasePanel() *picture.Panel {
	points := phaseSpace(v.dots)
	const view = 1.62
	p := &picture.Panel{Square: true,
		X: picture.Axis{Low: -view, High: view, Hidden: true}, Y: picture.Axis{Low: -view, High: view, Hidden: true},
	}
	if len(points) < leastPoints {
		p.Title = "phase space: three differences in a row"
		p.Note = fmt.Sprintf("too few samples: %s, and at least %d make a cube worth looking at", counted(len(points), "point"), leastPoints)
		return p
	}
	reach := cubeReach(points)
	p.Title = fmt.Sprintf("phase space: %s, %s", placesOf(points), reachWords(reach))
	p.Layers = append(cube(), axisWords(reach)...)
	p.Layers = append(p.Layers, phaseDots(points, reach)...)
	return p
}

// cubeReach is half the cube's edge: all there is, where points are spread far,
// or the least round number that no point is beyond.
func cubeReach(points []phasePoint) float64 {
	farthest := phaseReach(points)
	switch {
	case farthest > seqSpace/4:
		return seqSpace / 2
	case farthest == 0:
		return 0
	}
	step := math.Pow(10, math.Floor(math.Log10(farthest)))
	for _, times := range []float64{1, 2, 5} {
		if farthest <= times*step {
			return times * step
		}
	}
	return 10 * step
}

// phaseReach is the distance of the farthest point along an axis.
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
	switch reach {
	case 0:
		return "no difference at all"
	case seqSpace / 2:
		return "± 2^31, all there is"
	}
	return "± " + roundCount(reach) + " each way"
}

// roundCount is a count in a few digits: "2.15 billion".
func roundCount(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " billion"}, {1e6, " million"}} {
		if v >= unit.size {
			return strconv.FormatFloat(v/unit.size, 'g', 3, 64) + unit.name
		}
	}
	return units.Count(uint64(v))
}

// placesOf counts points and the different places they are at.
func placesOf(points []phasePoint) string {
	places := map[phasePoint]bool{}
	for _, p := range points {
		places[p] = true
	}
	if len(places) == len(points) {
		return counted(len(points), "point")
	}
	return counted(len(points), "point") + " at " + counted(len(places), "place")
}

// phaseDots are the points, the near ones dark; where several fall together the
// point is larger. They come in a fixed order, the far ones first.
func phaseDots(points []phasePoint, reach float64) (layers []picture.Layer) {
	count := map[phasePoint]int{}
	var places []phasePoint
	for _, q := range points {
		if count[q]++; count[q] == 1 {
			places = append(places, q)
		}
	}
	slices.SortStableFunc(places, func(a, b phasePoint) int { return compareDepth(b, a) })
	scale := 1 / math.Max(reach, 1)
	for _, q := range places {
		at := phasePoint{q[0] * scale, q[1] * scale, q[2] * scale}
		layers = append(layers, picture.Dots{At: []picture.Point{project(at)}, Colour: depthColour(at),
			Radius: picture.Radius(len(points)) + 1.6*math.Log2(float64(count[q]))})
	}
	return layers
}

// compareDepth orders points by how far away they are.
func compareDepth(a, b phasePoint) int {
	switch d := a[0] + a[1] - b[0] - b[1]; {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

// depthColour is darker in front.
func depthColour(p phasePoint) color.RGBA {
	c := picture.Palette[0]
	if p[0]+p[1] > 0 {
		return picture.Fade(c)
	}
	return c
}

// cubeInk is the colour of the cube's edges.
var cubeInk = color.RGBA{180, 180, 180, 255}

// cube are the edges of the cube.
func cube() (layers []picture.Layer) {
	for axis := range 3 {
		for corner := range 4 {
			var from phasePoint
			from[(axis+1)%3] = float64(corner&1)*2 - 1
			from[(axis+2)%3] = float64(corner&2) - 1
			to := from
			from[axis], to[axis] = -1, 1
			layers = append(layers, picture.Line{Through: []picture.Point{project(from), project(to)}, Width: 0.7, Colour: cubeInk})
		}
	}
	return layers
}

// scaledAxis is an edge of the cube that carries an axis's ticks and name: which
// coordinate runs along it, where the others are, and which way is outwards.
type scaledAxis struct {
	coordinate int
	origin     phasePoint
	outwards   picture.Point
	name       string
}

// scaledAxes are the edges that meet in the corner below, and the one at the
// left.
var scaledAxes = []scaledAxis{
	{0, phasePoint{0, -1, -1}, picture.Point{X: 0.10, Y: -0.14}, "s2 − s1"},
	{1, phasePoint{-1, 0, -1}, picture.Point{X: -0.12, Y: -0.14}, "s3 − s2"},
	{2, phasePoint{-1, 1, 0}, picture.Point{X: -0.22, Y: 0}, "s4 − s3"},
}

// axisWords are the ticks, their numbers and the names of the axes. The lower ends,
// which are the upper ones with a minus, meet other axes in the corners.
func axisWords(reach float64) (layers []picture.Layer) {
	if reach == 0 {
		return nil
	}
	for _, a := range scaledAxes {
		for _, t := range []struct {
			at    float64
			words string
		}{{-1, ""}, {-0.5, ""}, {0, "0"}, {0.5, ""}, {1, shortReach(reach)}} {
			layers = append(layers, a.tick(t.at, t.words)...)
		}
		layers = append(layers, a.words(0.5, 1.9, a.name))
	}
	return layers
}

// tick is a stroke across an edge, and its number.
func (a *scaledAxis) tick(at float64, number string) []picture.Layer {
	p := a.origin
	p[a.coordinate] = at
	foot := project(p)
	tip := picture.Point{X: foot.X + a.outwards.X*0.25, Y: foot.Y + a.outwards.Y*0.25}
	stroke := picture.Line{Through: []picture.Point{foot, tip}, Width: 0.7, Colour: cubeInk}
	if number == "" {
		return []picture.Layer{stroke}
	}
	return []picture.Layer{stroke, a.words(at, 1, number)}
}

// words are written beside a place of an edge, so many steps outwards.
func (a *scaledAxis) words(at, steps float64, words string) picture.Layer {
	p := a.origin
	p[a.coordinate] = at
	q := project(p)
	return picture.Words{At: picture.Point{X: q.X + a.outwards.X*steps, Y: q.Y + a.outwards.Y*steps}, Words: words}
}

// shortReach is the number at the end of an axis.
func shortReach(reach float64) string {
	switch {
	case reach == seqSpace/2:
		return "2^31"
	case reach >= 1e9:
		return strconv.FormatFloat(reach/1e9, 'g', 3, 64) + "G"
	case reach >= 1e6:
		return strconv.FormatFloat(reach/1e6, 'g', 3, 64) + "M"
	case reach >= 1e3:
		return strconv.FormatFloat(reach/1e3, 'g', 3, 64) + "k"
	}
	return strconv.FormatFloat(reach, 'g', 3, 64)
}
