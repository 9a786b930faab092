package report

import (
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"synscope/internal/outfile"
	"synscope/probe/rtt"
)

// PlotSeries is one target of a picture.
type PlotSeries struct {
	Name     string
	Series   *rtt.Series
	Timeline *rtt.Timeline
}

// maxPlotted is how many targets a picture tells apart.
const maxPlotted = 8

// Size of a picture, and how many pixels of a PNG make an inch.
const (
	plotWide, plotHigh = 11 * vg.Inch, 8 * vg.Inch
	margin             = 8 * vg.Length(1)
	plotDPI            = 120
)

// CheckPlot tells before a run whether a picture can be drawn into path: the
// ending says the format.
func CheckPlot(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".svg", ".png":
	default:
		return fmt.Errorf("%w: %q: a picture ends in .svg or .png", ErrOutput, path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%w: %w", ErrOutput, err)
	} else if !info.IsDir() {
		return fmt.Errorf("%w: %q is no directory", ErrOutput, filepath.Dir(path))
	}
	return nil
}

// PlotRTT draws a ping into a file that is there afterwards whole or as it was
// before: the times over the run with the losses marked, and below it the
// distribution with its percentiles. title says what was done, start when.
func PlotRTT(path, title string, start time.Time, all []PlotSeries) error {
	shown := all[:min(len(all), maxPlotted)]
	over, err := overTime(title, start, shown)
	if err != nil {
		return err
	}
	if len(all) > len(shown) {
		over.Title.Text += fmt.Sprintf(" (the first %d of %d targets)", len(shown), len(all))
	}
	shares, err := distribution(shown)
	if err != nil {
		return err
	}
	return writeAtomically(path, func(w io.Writer) error {
		canvas, finish := newCanvas(path)
		over.Draw(draw.Crop(draw.New(canvas), margin, -margin, plotHigh/2, -margin))
		shares.Draw(draw.Crop(draw.New(canvas), margin, -margin, margin, -plotHigh/2-margin))
		_, err := finish.WriteTo(w)
		return err
	})
}

// newCanvas is an empty white picture in the format of the path's ending.
func newCanvas(path string) (vg.CanvasSizer, io.WriterTo) {
	if strings.EqualFold(filepath.Ext(path), ".svg") {
		c := vgsvg.New(plotWide, plotHigh)
		return c, c
	}
	c := vgimg.NewWith(vgimg.UseWH(plotWide, plotHigh), vgimg.UseDPI(plotDPI))
	return c, vgimg.PngCanvas{Canvas: c}
}

// writeAtomically writes a file beside path and then renames it.
func writeAtomically(path string, write func(io.Writer) error) error {
	if err := outfile.Replace(path, outfile.Public, write); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrWrite, path, err)
	}
	return nil
}

// newPlot is an empty panel of a picture.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = 15
	p.Title.Padding = 6
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size = 12
		a.Tick.Label.Font.Size = 11
		a.Label.Padding = 3
		a.Tick.Marker = plot.TickerFunc(evenTicks)
	}
	p.Legend.TextStyle.Font.Size = 11
	p.Legend.Padding = 3
	p.Legend.XOffs, p.Legend.YOffs = -8, -4
	p.Legend.Top = true
	p.Legend.ThumbnailWidth = 18
	return p
}

// palette is Okabe and Ito's (2008), which people of every colour vision can
// tell apart; its vermilion is kept for losses.
var palette = []color.RGBA{
	{0, 114, 178, 255}, {230, 159, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{86, 180, 233, 255}, {120, 94, 40, 255}, {60, 60, 60, 255}, {150, 150, 0, 255},
}

var (
	lossColour = color.RGBA{213, 94, 0, 255}
	gridColour = color.RGBA{205, 205, 205, 255}
)
