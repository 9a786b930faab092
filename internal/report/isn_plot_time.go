package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"synscope/probe/isn"
)

// nearby is how far apart numbers may be to be drawn as counted from the first.
const nearby = seqSpace / 16

// timePanel draws the numbers over time: the tuple that was sampled most in one
// colour, all others in another, and the lines of a clock. Numbers that stay
// near each other are counted from the first.
func timePanel(r *ISN, dots []isnDot, samples []isn.Sample) (*plot.Plot, error) {
	if widest := widestFromFirst(dots); widest < nearby {
		return growthPanel(dots, widest)
	}
	p := newPlot("numbers over time", "time (s)", "sequence number (2^32 = 1)")
	p.Add(gridOf())
	p.X.Min, p.X.Max = 0, span(dots)
	p.Y.Min, p.Y.Max = 0, 1.3
	if err := addLines(p, r, dots, samples); err != nil {
		return nil, err
	}
	return p, addDots(p, dots, func(d isnDot) (float64, bool) { return d.isn / seqSpace, true })
}

// widestFromFirst is the greatest distance of a number from the first.
func widestFromFirst(dots []isnDot) (widest float64) {
	for _, d := range dots {
		widest = max(widest, math.Abs(signed(d.isn-dots[0].isn)))
	}
	return widest
}

// growthPanel draws by how much the numbers have grown since the first.
func growthPanel(dots []isnDot, widest float64) (*plot.Plot, error) {
	unit, name := differenceUnit(widest)
	p := newPlot("numbers over time, counted from the first", "time (s)", "growth"+name)
	p.Add(gridOf())
	p.X.Min, p.X.Max = 0, span(dots)
	room := math.Max(widest/unit, 1)
	p.Y.Min, p.Y.Max = -0.1*room, 1.3*room
	return p, addDots(p, dots, func(d isnDot) (float64, bool) { return signed(d.isn-dots[0].isn) / unit, true })
}

// span is the end of the axis of time.
func span(dots []isnDot) float64 {
	if len(dots) == 0 {
		return 1
	}
	return math.Max(dots[len(dots)-1].at*1.02, 1e-3)
}

// addDots draws a value for each dot that has one.
func addDots(p *plot.Plot, dots []isnDot, value func(isnDot) (float64, bool)) error {
	often := commonTuple(dots)
	var same, others plotter.XYs
	for _, d := range dots {
		v, ok := value(d)
		switch {
		case !ok:
		case d.tuple == often:
			same = append(same, plotter.XY{X: d.at, Y: v})
		default:
			others = append(others, plotter.XY{X: d.at, Y: v})
		}
	}
	if err := addGlyphs(p, others, palette[1], draw.BoxGlyph{}, "other ports"); err != nil {
		return err
	}
	return addGlyphs(p, same, palette[0], draw.CircleGlyph{}, "one port again and again")
}

func addGlyphs(p *plot.Plot, at plotter.XYs, c color.RGBA, shape draw.GlyphDrawer, name string) error {
	if len(at) == 0 {
		return nil
	}
	marks, err := plotter.NewScatter(at)
	if err != nil {
		return err
	}
	marks.GlyphStyle = draw.GlyphStyle{Color: c, Radius: radius(len(at)), Shape: shape}
	p.Add(marks)
	p.Legend.Add(name, marks)
	return nil
}

// commonTuple is the tuple with the most dots.
func commonTuple(dots []isnDot) int {
	count := map[int]int{}
	best := 0
	for _, d := range dots {
		if count[d.tuple]++; count[d.tuple] > count[best] {
			best = d.tuple
		}
	}
	return best
}

// mostTurns bounds how often a line is drawn through the sequence space; a
// faster one would fill the panel.
const mostTurns = 60

// addLines draws the clock's lines, wrapped as the numbers are.
func addLines(p *plot.Plot, r *ISN, dots []isnDot, samples []isn.Sample) error {
	clock, ok := r.Report.Clock.Get()
	if !ok || len(dots) == 0 || clock.Hz*span(dots)/seqSpace > mostTurns || !samples[dots[0].index].Sent.OK {
		return nil
	}
	start := float64(samples[dots[0].index].Sent.Value)
	for _, l := range r.Report.Lines {
		if err := addLine(p, l, clock.Hz, start, span(dots)); err != nil {
			return err
		}
	}
	return nil
}

// addLine draws one line from wrap to wrap.
func addLine(p *plot.Plot, l isn.Line, hz, start, end float64) error {
	first := l.ISN + hz*(start-l.At)/1e9
	first -= math.Floor(first/seqSpace) * seqSpace
	for at := 0.0; at < end; {
		until := math.Min(at+(seqSpace-first)/hz, end)
		piece, err := plotter.NewLine(plotter.XYs{{X: at, Y: first / seqSpace}, {X: until, Y: (first + hz*(until-at)) / seqSpace}})
		if err != nil {
			return err
		}
		piece.Color, piece.Width = fade(palette[0]), vg.Length(1)
		p.Add(piece)
		at, first = until, 0
	}
	return nil
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
