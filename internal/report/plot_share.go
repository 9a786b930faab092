package report

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// distribution is the lower panel: which share of the answers took at most how
// long (the empirical distribution function).
func distribution(all []PlotSeries) (*plot.Plot, error) {
	p := newPlot("How many of the answers came within which time", "", "share of the answers (%)")
	scale := scaleOf(all)
	scale.set(&p.X, "round-trip time")
	p.Add(gridOf())
	p.Y.Min, p.Y.Max = 0, allShares
	p.Y.Tick.Marker = plot.TickerFunc(func(low, _ float64) []plot.Tick { return evenTicks(low, 100) })
	p.X.Min, p.X.Max = scale.low, scale.high
	if len(all) == 1 {
		p.Legend.Top = false
		p.Legend.YOffs = 8
	}
	drawn := 0
	for i, s := range all {
		if s.Series.Distribution.N() == 0 {
			continue
		}
		if err := addShares(p, s, palette[i], scale, len(all) == 1); err != nil {
			return nil, err
		}
		drawn++
	}
	switch {
	case drawn == 0:
		p.Title.Text += ": there were none"
	case len(all) > 1:
		p.Y.Max = aboveCurves(drawn)
	}
	return p, nil
}

const (
	allShares = 103  // the top of the panel, a little above 100 %
	legendRow = 0.07 // of the panel's height
)

// aboveCurves is the top of a panel whose legend of some rows lies above 100 %:
// anywhere else a curve may cross it.
func aboveCurves(rows int) float64 { return allShares / (1 - legendRow*float64(rows)) }

// addShares draws one target's steps, and its percentiles.
func addShares(p *plot.Plot, s PlotSeries, c color.RGBA, scale timeScale, alone bool) error {
	d := &s.Series.Distribution
	steps := plotter.XYs{{X: scale.value(d.Min()), Y: 0}}
	passed := uint64(0)
	for v, n := range d.All() {
		passed += n
		steps = append(steps, plotter.XY{X: scale.value(v), Y: 100 * float64(passed) / float64(d.N())})
	}
	steps = append(steps, plotter.XY{X: scale.high, Y: 100})
	line, err := plotter.NewLine(steps)
	if err != nil {
		return err
	}
	line.StepStyle, line.Color, line.Width = plotter.PostStep, c, 1.6
	p.Add(line)
	if alone {
		return addPercentiles(p, s, c, scale)
	}
	sum := s.Series.Summary()
	p.Legend.Add(fmt.Sprintf("%s: p50 %s, p95 %s, p99 %s", s.Name, Duration(sum.P50), Duration(sum.P95), Duration(sum.P99)), line)
	return nil
}

// percentiles that a picture of one target names, and their marks.
var percentiles = []struct {
	p     float64
	shape draw.GlyphDrawer
}{
	{50, draw.CircleGlyph{}}, {90, draw.SquareGlyph{}}, {95, draw.TriangleGlyph{}}, {99, draw.PyramidGlyph{}},
}

func addPercentiles(p *plot.Plot, s PlotSeries, c color.RGBA, scale timeScale) error {
	for _, q := range percentiles {
		at := s.Series.Distribution.Percentile(q.p)
		x := scale.value(at)
		guide, err := plotter.NewLine(plotter.XYs{{X: x, Y: 0}, {X: x, Y: q.p}, {X: scale.low, Y: q.p}})
		if err != nil {
			return err
		}
		guide.Color, guide.Width, guide.Dashes = fade(c), 0.8, []vg.Length{3, 3}
		mark, err := plotter.NewScatter(plotter.XYs{{X: x, Y: q.p}})
		if err != nil {
			return err
		}
		mark.GlyphStyle = draw.GlyphStyle{Color: c, Radius: 4, Shape: q.shape}
		p.Add(guide, mark)
		p.Legend.Add(fmt.Sprintf("%g %% within %s", q.p, Duration(at)), mark)
	}
	return nil
}
