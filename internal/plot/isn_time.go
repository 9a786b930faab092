package plot

import (
	"image/color"
	"math"

	"synscope/internal/picture"
	"synscope/probe/isn"
)

// nearby is how far apart numbers may be to be drawn as counted from the first.
const nearby = seqSpace / 16

// timePanel draws the numbers over time: the tuple that was sampled most in one
// colour, all others in another, and the lines of a clock. Numbers that stay
// near each other are counted from the first.
func (v *numbers) timePanel() *picture.Panel {
	if lowest, highest := v.reach(); highest-lowest < nearby && len(v.dots) > 1 {
		return v.growthPanel(lowest, highest)
	}
	p := v.overTime("numbers over time", picture.Axis{Label: "sequence number (2^32 = 1)", High: 1})
	p.Layers = append(p.Layers, v.lines()...)
	return v.addDots(p, func(d isnDot) (float64, bool) { return d.isn / seqSpace, true })
}

// overTime is an empty panel over the time of the samples.
func (v *numbers) overTime(title string, y picture.Axis) *picture.Panel {
	x := picture.Axis{Label: "time (s)", High: v.span()}
	if len(v.dots) == 1 {
		x = atOnce("time (s)")
	}
	return &picture.Panel{Title: title, X: x, Y: y}
}

// reach are the farthest numbers below and above the first, as differences.
func (v *numbers) reach() (lowest, highest float64) {
	for _, d := range v.dots {
		from := signed(d.isn - v.dots[0].isn)
		lowest, highest = min(lowest, from), max(highest, from)
	}
	return lowest, highest
}

// growthPanel draws by how much the numbers have grown since the first.
func (v *numbers) growthPanel(lowest, highest float64) *picture.Panel {
	unit, name := differenceUnit(max(-lowest, highest))
	p := v.overTime("numbers over time, counted from the first", axisOf("growth"+name, lowest/unit, highest/unit))
	return v.addDots(p, func(d isnDot) (float64, bool) { return signed(d.isn-v.dots[0].isn) / unit, true })
}

// axisOf ends where values do; where they are all alike there is one below and
// one above.
func axisOf(label string, low, high float64) picture.Axis {
	if !(high > low) {
		low, high = low-1, high+1
	}
	return picture.Axis{Label: label, Low: low, High: high}
}

// span is the end of the axis of time.
func (v *numbers) span() float64 {
	if len(v.dots) == 0 || v.dots[len(v.dots)-1].at == 0 {
		return 1
	}
	return v.dots[len(v.dots)-1].at
}

// addDots draws a value for each dot that has one.
func (v *numbers) addDots(p *picture.Panel, value func(isnDot) (float64, bool)) *picture.Panel {
	often := v.commonTuple()
	var same, others []picture.Point
	for _, d := range v.dots {
		y, ok := value(d)
		switch {
		case !ok:
		case d.tuple == often:
			same = append(same, picture.Point{X: d.at, Y: y})
		default:
			others = append(others, picture.Point{X: d.at, Y: y})
		}
	}
	addSign(p, others, picture.Palette[1], picture.Square, "other ports")
	addSign(p, same, picture.Palette[0], picture.Disc, "one port again and again")
	if len(same)+len(others) == 0 {
		p.X.Hidden, p.Y.Hidden = true, true
		p.Layers, p.Note = nil, "too few samples"
	}
	return p
}

func addSign(p *picture.Panel, at []picture.Point, c color.RGBA, shape picture.Shape, name string) {
	if len(at) == 0 {
		return
	}
	p.Layers = append(p.Layers, picture.Dots{At: at, Shape: shape, Radius: picture.Radius(len(at)), Colour: c})
	p.Legend = append(p.Legend, picture.Key{Words: name, Shape: shape, Colour: c})
}

// commonTuple is the tuple with the most dots, if any has two.
func (v *numbers) commonTuple() int {
	count := map[int]int{}
	best, most := -1, 1
	for _, d := range v.dots {
		if count[d.tuple]++; count[d.tuple] > most {
			best, most = d.tuple, count[d.tuple]
		}
	}
	return best
}

// mostTurns bounds how often a line is drawn through the sequence space; a
// faster one would fill the panel.
const mostTurns = 60

// lines are the clock's, wrapped as the numbers are.
func (v *numbers) lines() (layers []picture.Layer) {
	clock, ok := v.report.Clock.Get()
	if !ok || len(v.dots) == 0 || clock.Hz*v.span()/seqSpace > mostTurns || !v.samples[v.dots[0].index].Sent.OK {
		return nil
	}
	start := float64(v.samples[v.dots[0].index].Sent.Value)
	for _, l := range v.report.Lines {
		layers = append(layers, wrapped(l, clock.Hz, start, v.span())...)
	}
	return layers
}

// wrapped is one line in pieces from wrap to wrap.
func wrapped(l isn.Line, hz, start, end float64) (pieces []picture.Layer) {
	first := l.ISN + hz*(start-l.At)/1e9
	first -= math.Floor(first/seqSpace) * seqSpace
	for at := 0.0; at < end; {
		until := math.Min(at+(seqSpace-first)/hz, end)
		pieces = append(pieces, picture.Line{Width: 1, Colour: picture.Fade(picture.Palette[0]), Through: []picture.Point{
			{X: at, Y: first / seqSpace}, {X: until, Y: (first + hz*(until-at)) / seqSpace},
		}})
		at, first = until, 0
	}
	return pieces
}

func differenceUnit(widest float64) (float64, string) {
	switch {
	case widest >= 1e8:
		return seqSpace, " (2^32 = 1)"
	case widest >= 1e5:
		return 1e6, " (millions)"
	}
	return 1, ""
}
