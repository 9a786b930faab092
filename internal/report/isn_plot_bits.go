package report

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"synscope/probe/isn"
)

// bitPanel draws how often each bit is set, and the band that fair bits stay
// in: one that leaves it stands still or leans.
func bitPanel(_ *ISN, dots []isnDot, _ []isn.Sample) (*plot.Plot, error) {
	p := newPlot("bits: how often each is set", "bit (31 is the highest)", "share of the samples (%)")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.8, 31.8, 0, 118
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(bitTicks), plot.TickerFunc(percentTicks)
	if len(dots) == 0 {
		return p, nil
	}
	shares := bitShares(dots)
	half := fairBand(len(dots))
	band, err := plotter.NewPolygon(plotter.XYs{{X: -0.8, Y: 50 - half}, {X: 31.8, Y: 50 - half}, {X: 31.8, Y: 50 + half}, {X: -0.8, Y: 50 + half}})
	if err != nil {
		return nil, err
	}
	band.Color, band.LineStyle.Width = gridColour, 0
	p.Add(band)
	p.Legend.Add(fmt.Sprintf("fair bits of %d samples", len(dots)), band)
	for bit, share := range shares {
		if err := addBit(p, bit, share, math.Abs(share-50) <= half); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// bitShares are how often each bit is set, in percent.
func bitShares(dots []isnDot) (shares [32]float64) {
	for _, d := range dots {
		for bit := range shares {
			if uint32(d.isn)>>bit&1 == 1 {
				shares[bit] += 100 / float64(len(dots))
			}
		}
	}
	return shares
}

// fairBand is how far from a half, in percent, one of 32 fair bits strays once
// in twenty pictures: 3.16 standard deviations, by Bonferroni's correction.
func fairBand(n int) float64 {
	return math.Min(50, 100*3.16*0.5/math.Sqrt(float64(n)))
}

// addBit draws one bit as a stem from the middle, in the colour of losses where
// it is not fair.
func addBit(p *plot.Plot, bit int, share float64, fair bool) error {
	stem, err := plotter.NewLine(plotter.XYs{{X: float64(bit), Y: 50}, {X: float64(bit), Y: share}})
	if err != nil {
		return err
	}
	head, err := plotter.NewScatter(plotter.XYs{{X: float64(bit), Y: share}})
	if err != nil {
		return err
	}
	c := palette[0]
	if !fair {
		c = lossColour
	}
	stem.Color, stem.Width = c, vg.Length(2)
	head.GlyphStyle.Color, head.GlyphStyle.Radius = c, 2.4
	p.Add(stem, head)
	return nil
}

func bitTicks(_, _ float64) (ticks []plot.Tick) {
	for bit := 0; bit <= 31; bit++ {
		t := plot.Tick{Value: float64(bit)}
		if bit%4 == 0 || bit == 31 {
			t.Label = strconv.Itoa(bit)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

func percentTicks(_, _ float64) (ticks []plot.Tick) {
	for v := 0; v <= 100; v += 25 {
		ticks = append(ticks, plot.Tick{Value: float64(v), Label: strconv.Itoa(v)})
	}
	return ticks
}
