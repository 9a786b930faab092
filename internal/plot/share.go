package plot

import (
	"fmt"
	"image/color"

	"synscope/internal/picture"
	"synscope/internal/report/units"
)

// distribution is the lower panel: which share of the answers took at most how
// long (the empirical distribution function).
func distribution(all []Series) *picture.Panel {
	scale := scaleOf(all)
	p := &picture.Panel{
		Title: "How many of the answers came within which time",
		X:     scale.axis("round-trip time"),
		Y:     picture.Axis{Label: "share of the answers (%)", High: 100, Ticks: percentTicks()},
	}
	if !scale.any {
		p.Y.Hidden, p.Note = true, "no time was measured"
		return p
	}
	for i, s := range all {
		if s.Series.Distribution.N() > 0 {
			addShares(p, s, picture.Palette[i], scale, len(all) == 1)
		}
	}
	return p
}

func percentTicks() (ticks []picture.Tick) {
	for v := 0; v <= 100; v += 20 {
		ticks = append(ticks, picture.Tick{At: float64(v), Words: fmt.Sprint(v)})
	}
	return ticks
}

// addShares draws one target's steps, and its percentiles. Of several targets the
// colours name them, as in the panel above.
func addShares(p *picture.Panel, s Series, c color.RGBA, scale timeScale, alone bool) {
	d := &s.Series.Distribution
	x := scale.value(d.Min())
	steps := []picture.Point{{X: x, Y: 0}}
	passed, share := uint64(0), 0.0
	for v, n := range d.All() {
		x = scale.value(v)
		passed += n
		before := share
		share = 100 * float64(passed) / float64(d.N())
		steps = append(steps, picture.Point{X: x, Y: before}, picture.Point{X: x, Y: share})
	}
	steps = append(steps, picture.Point{X: scale.high, Y: 100})
	p.Layers = append(p.Layers, picture.Line{Through: steps, Width: 1.6, Colour: c})
	if alone {
		addPercentiles(p, s, c, scale)
		return
	}
	sum := s.Series.Summary()
	p.Legend = append(p.Legend, picture.Key{Stroke: true, Colour: c, Words: fmt.Sprintf("p50 %s, p95 %s, p99 %s",
		units.Duration(sum.P50), units.Duration(sum.P95), units.Duration(sum.P99))})
}

// percentiles that a picture of one target names, and their marks.
var percentiles = []struct {
	p     float64
	shape picture.Shape
}{
	{50, picture.Disc}, {90, picture.Square}, {95, picture.Triangle}, {99, picture.Pyramid},
}

// addPercentiles names those that there are enough answers for: a p99 of ten is
// the largest.
func addPercentiles(p *picture.Panel, s Series, c color.RGBA, scale timeScale) {
	d := &s.Series.Distribution
	for _, q := range percentiles {
		if float64(d.N())*(100-q.p) < 100 {
			continue
		}
		at := d.Percentile(q.p)
		x := scale.value(at)
		p.Layers = append(p.Layers,
			picture.Line{Width: 0.8, Dashed: true, Colour: picture.Fade(c), Through: []picture.Point{
				{X: x, Y: 0}, {X: x, Y: q.p}, {X: scale.low, Y: q.p},
			}},
			picture.Dots{At: []picture.Point{{X: x, Y: q.p}}, Shape: q.shape, Radius: 3.6, Colour: c})
		p.Legend = append(p.Legend, picture.Key{Shape: q.shape, Colour: c, Words: fmt.Sprintf("%g %% within %s", q.p, units.Duration(at))})
	}
}
