package plot

import (
	"math"
	"strconv"

	"synscope/internal/picture"
	"synscope/internal/report/units"
)

// bitPanel draws how often each bit is set, and the band that fair bits stay
// in: one that leaves it stands still or leans.
func (v *numbers) bitPanel() *picture.Panel {
	p := &picture.Panel{
		Title: "bits: how often each is set",
		X:     picture.Axis{Label: "bit (31 is the highest)", High: 31, Ticks: bitTicks()},
		Y:     picture.Axis{Label: "share of the samples (%)", High: 100, Ticks: percentTicks()},
	}
	half := fairBand(len(v.dots))
	if half == 50 {
		p.X.Hidden, p.Y.Hidden = true, true
		p.Note = "too few samples: any bit of so few may be set, or not, by chance"
		return p
	}
	p.Layers = append(p.Layers, picture.Band{Low: 50 - half, High: 50 + half, Colour: picture.Shade})
	p.Legend = append(p.Legend, picture.Key{Words: "where fair bits are", Area: true, Colour: picture.Shade})
	unfair := false
	for bit, share := range bitShares(v.dots) {
		fair := math.Abs(share-50) <= half
		unfair = unfair || !fair
		p.Layers = append(p.Layers, stem(bit, share, fair)...)
	}
	p.Legend = append(p.Legend, picture.Key{Words: "a bit", Colour: picture.Palette[0]})
	if unfair {
		p.Legend = append(p.Legend, picture.Key{Words: "one that leans or stands still", Shape: picture.Diamond, Colour: picture.Loss})
	}
	return p
}

// bitShares are how often each bit is set, in percent.
func bitShares(dots []isnDot) (shares [32]float64) {
	for _, d := range dots {
		for bit := range shares {
			shares[bit] += float64(uint32(d.isn) >> bit & 1)
		}
	}
	for bit := range shares {
		shares[bit] *= 100 / float64(len(dots))
	}
	return shares
}

// fairBand is how far from a half, in percent, one of 32 fair bits strays once
// in twenty pictures: 3.16 standard deviations, by Bonferroni's correction.
func fairBand(n int) float64 {
	if n == 0 {
		return 50
	}
	return math.Min(50, 100*3.16*0.5/math.Sqrt(float64(n)))
}

// stem draws one bit from the middle, in the colour of losses where it is not
// fair.
func stem(bit int, share float64, fair bool) []picture.Layer {
	x := float64(bit)
	c, shape := picture.Palette[0], picture.Disc
	if !fair {
		c, shape = picture.Loss, picture.Diamond
	}
	return []picture.Layer{
		picture.Line{Through: []picture.Point{{X: x, Y: 50}, {X: x, Y: share}}, Width: 2, Colour: c},
		picture.Dots{At: []picture.Point{{X: x, Y: share}}, Radius: 2.6, Shape: shape, Colour: c},
	}
}

func bitTicks() (ticks []picture.Tick) {
	for bit := 0; bit <= 31; bit++ {
		t := picture.Tick{At: float64(bit)}
		if bit%4 == 0 || bit == 31 {
			t.Words = strconv.Itoa(bit)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// counted is a number of things: "1 SYN", "2 SYNs", or the number alone.
func counted(n int, thing string) string {
	words := units.Count(uint64(n))
	switch {
	case thing == "":
		return words
	case n == 1:
		return words + " " + thing
	}
	return words + " " + thing + "s"
}
