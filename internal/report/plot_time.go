package report

import (
	"fmt"
	"image/color"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// overTime is the upper panel: when probes left, and how long each took.
func overTime(title string, start time.Time, all []PlotSeries) (*plot.Plot, error) {
	p := newPlot(title, "seconds since "+start.Format("2006-01-02 15:04:05 MST"), "")
	scale := scaleOf(all)
	scale.set(&p.Y, "round-trip time")
	p.Add(gridOf())
	lost, rows := uint64(0), 0 // of the legend
	for i, s := range all {
		if err := addTimes(p, s, palette[i], scale); err != nil {
			return nil, err
		}
		if sum := s.Series.Summary(); len(all) > 1 || sum.Received > 0 {
			p.Legend.Add(answeredWords(s.Name, sum.Received, sum.Lost, len(all) > 1), dot(palette[i]))
			rows++
		}
		lost += s.Series.Summary().Lost
	}
	if lost > 0 {
		if err := addLosses(p, all, lost); err != nil {
			return nil, err
		}
		rows++
	}
	frame(p, all, scale, rows)
	return p, nil
}

// answeredWords is a target's line in the legend. Of several, which one did not
// answer is told here, since the crosses are all alike.
func answeredWords(name string, answered, lost uint64, several bool) string {
	words := fmt.Sprintf("%s: %s answered", name, Count(answered))
	if several && lost > 0 {
		words += fmt.Sprintf(", %s not", Count(lost))
	}
	return words
}

// dot is a target's mark in the legend, also where it has none in the panel.
type dot color.RGBA

// Thumbnail implements [plot.Thumbnailer].
func (d dot) Thumbnail(c *draw.Canvas) {
	c.DrawGlyph(draw.GlyphStyle{Color: color.RGBA(d), Radius: 2.4, Shape: draw.CircleGlyph{}}, c.Center())
}

// frame leaves room above the highest time for the rows of the legend, and below
// the lowest for the marks of the losses.
func frame(p *plot.Plot, all []PlotSeries, scale timeScale, rows int) {
	p.Y.Min, p.Y.Max = scale.low, scale.above(rows)
	p.X.Min = 0
	for _, s := range all {
		for _, b := range s.Timeline.Bins() {
			p.X.Max = math.Max(p.X.Max, b.At.Seconds())
		}
	}
	p.X.Max = math.Max(p.X.Max*1.01, 0.01)
}

func gridOf() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = gridColour, gridColour
	return g
}

// addTimes draws a point for each probe; where a point stands for many, a line
// reaches from their smallest to their largest time.
func addTimes(p *plot.Plot, s PlotSeries, c color.RGBA, scale timeScale) error {
	var points plotter.XYs
	for _, b := range s.Timeline.Bins() {
		if b.Answered == 0 {
			continue
		}
		x := b.At.Seconds()
		points = append(points, plotter.XY{X: x, Y: scale.value(b.Mean)})
		if b.Min == b.Max {
			continue
		}
		span, err := plotter.NewLine(plotter.XYs{{X: x, Y: scale.value(b.Min)}, {X: x, Y: scale.value(b.Max)}})
		if err != nil {
			return err
		}
		span.Color, span.Width = fade(c), 0.6
		p.Add(span)
	}
	if len(points) == 0 {
		return nil
	}
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: c, Radius: radius(len(points)), Shape: draw.CircleGlyph{}}
	p.Add(dots)
	return nil
}

// radius of a point, smaller where they are many.
func radius(n int) vg.Length {
	switch {
	case n < 200:
		return 2.4
	case n < 1500:
		return 1.6
	}
	return 1.1
}

func fade(c color.RGBA) color.RGBA {
	lighter := func(v uint8) uint8 { return 255 - (255-v)/2 }
	return color.RGBA{lighter(c.R), lighter(c.G), lighter(c.B), 255}
}

// addLosses marks each probe without an answer by a cross at the foot.
func addLosses(p *plot.Plot, all []PlotSeries, lost uint64) error {
	scale := scaleOf(all)
	var points plotter.XYs
	for _, s := range all {
		for _, b := range s.Timeline.Bins() {
			if b.Lost > 0 {
				points = append(points, plotter.XY{X: b.At.Seconds(), Y: scale.foot})
			}
		}
	}
	marks, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	marks.GlyphStyle = draw.GlyphStyle{Color: lossColour, Radius: 3.5, Shape: draw.CrossGlyph{}}
	p.Add(marks)
	p.Legend.Add(fmt.Sprintf("no answer: %s", Count(lost)), marks)
	return nil
}

// timeScale is an axis of times: its unit, its ends, and whether it is
// logarithmic, as it is where the largest time is more than twenty times the
// smallest.
type timeScale struct {
	unit      time.Duration
	name      string
	low, high float64 // in unit
	top       float64 // the largest time
	foot      float64 // where losses are marked
	log       bool
}

func scaleOf(all []PlotSeries) timeScale {
	lowest, highest := time.Duration(math.MaxInt64), time.Duration(0)
	for _, s := range all {
		if d := &s.Series.Distribution; d.N() > 0 {
			lowest, highest = min(lowest, max(d.Min(), 1)), max(highest, d.Max())
		}
	}
	if highest == 0 {
		lowest, highest = time.Millisecond, time.Second
	}
	t := timeScale{unit: time.Second, name: "s"}
	switch {
	case highest < 2*time.Millisecond:
		t.unit, t.name = time.Microsecond, "µs"
	case highest < 2*time.Second:
		t.unit, t.name = time.Millisecond, "ms"
	}
	low, high := t.value(lowest), t.value(highest)
	if t.log = high > 20*low; t.log {
		ratio := high / low
		t.top = high
		t.low, t.high, t.foot = low/math.Pow(ratio, 0.12), high*math.Pow(ratio, 0.30), low/math.Pow(ratio, 0.07)
		return t
	}
	room := math.Max(high-low, high/100)
	t.top = low + room
	t.low, t.high, t.foot = low-0.12*room, high+0.30*room, low-0.07*room
	return t
}

// besideAxis is how many rows of a legend lie above the panel where its scale is
// logarithmic: gonum then makes room for the axis's label there.
const besideAxis = 3

// above is where the axis ends if a legend of some rows lies above all points.
func (t timeScale) above(rows int) float64 {
	if t.log {
		return math.Max(t.high, t.low*math.Pow(t.top/t.low, 1/(1-legendRow*float64(max(rows-besideAxis, 0)))))
	}
	return math.Max(t.high, t.low+(t.top-t.low)/(1-legendRow*float64(rows)))
}

func (t timeScale) value(d time.Duration) float64 { return float64(d) / float64(t.unit) }

// set makes an axis one of times.
func (t timeScale) set(a *plot.Axis, what string) {
	a.Label.Text = what + " (" + t.name + ")"
	if t.log {
		a.Label.Text = what + " (" + t.name + ", log)"
		a.Scale, a.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
	}
}

// evenTicks puts five to ten ticks at multiples of 1, 2 or 5 times a power of
// ten.
func evenTicks(low, high float64) (ticks []plot.Tick) {
	if !(high > low) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/5)))
	for _, wider := range []float64{5, 2} {
		if (high-low)/(wider*step) >= 5 {
			step *= wider
			break
		}
	}
	for i := int(math.Ceil(low / step)); float64(i)*step <= high; i++ {
		ticks = append(ticks, plot.Tick{Value: float64(i) * step, Label: fmt.Sprintf("%.6g", float64(i)*step)})
	}
	return ticks
}

// logTicks puts a tick at 1, 2 and 5 of every decade, or, where there are many
// decades, at 1.
func logTicks(low, high float64) (ticks []plot.Tick) {
	steps := []float64{1, 2, 5}
	if high > 1e5*low {
		steps = steps[:1]
	}
	for decade := math.Pow(10, math.Floor(math.Log10(low))); decade <= high; decade *= 10 {
		for _, step := range steps {
			if v := step * decade; v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%.4g", v)})
			}
		}
	}
	return ticks
}
