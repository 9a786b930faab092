package picture

import (
	"image"
	"image/color"
	"math"
)

// coverage is how much of each pixel of a rectangle lies inside polygons, summed
// up as differences along each row: an edge adds, to the pixels that it crosses,
// the area to its right, and what is further right gets it from the running sum.
// Polygons that turn the same way add up, so their union is where the sum is 1 or
// more; one that turns the other way is a hole.
type coverage struct {
	wide, high int
	sums       []float64 // a row has two more than it is wide
}

func (c *coverage) reset(wide, high int) {
	c.wide, c.high = wide, high
	n := (wide + 2) * high
	if cap(c.sums) < n {
		c.sums = make([]float64, n)
	}
	c.sums = c.sums[:n]
	clear(c.sums)
}

// edge adds one side of a polygon, in pixels.
func (c *coverage) edge(a, b Point) {
	sign := 1.0
	if a.Y > b.Y {
		a, b, sign = b, a, -1
	}
	if a.Y == b.Y {
		return
	}
	slope := (b.X - a.X) / (b.Y - a.Y)
	for y := max(0, int(math.Floor(a.Y))); y < c.high && float64(y) < b.Y; y++ {
		from, to := math.Max(a.Y, float64(y)), math.Min(b.Y, float64(y+1))
		c.row(y, a.X+(from-a.Y)*slope, a.X+(to-a.Y)*slope, sign*(to-from))
	}
}

// row adds what an edge covers within one row, from x0 to x1 (in any order): area
// is the height of that piece, with the direction as its sign.
func (c *coverage) row(y int, x0, x1, area float64) {
	sums := c.sums[y*(c.wide+2) : (y+1)*(c.wide+2)]
	x0, x1 = min(x0, x1), max(x0, x1)
	if x0 < 0 { // what is left of the image counts for all of the row
		left := area * share(x0, x1, 0)
		sums[0] += left
		x0, x1, area = 0, max(x1, 0), area-left
	}
	if wide := float64(c.wide); x1 > wide { // what is right of it for nothing
		x0, x1, area = min(x0, wide), wide, area*share(x0, x1, wide)
	}
	before := 0.0 // how much of the area the pixels so far have
	for x := int(x0); ; x++ {
		covered := area * rightOf(x0, x1, float64(x+1))
		sums[x] += covered - before
		before = covered
		if float64(x+1) >= x1 {
			sums[x+1] += area - before
			return
		}
	}
}

// share is how much of an edge from x0 to x1 is left of x.
func share(x0, x1, x float64) float64 {
	switch {
	case x1 <= x:
		return 1
	case x0 >= x:
		return 0
	}
	return (x - x0) / (x1 - x0)
}

// rightOf is how much of the pixel that ends at end lies right of an edge which
// runs from x0 to x1 while the row passes, x0 <= x1.
func rightOf(x0, x1, end float64) float64 {
	start := end - 1
	if x1-x0 < 1e-9 {
		return min(max(end-x0, 0), 1)
	}
	// The share of the row at which the edge is left of x grows from x0 to x1;
	// the area is that share's integral over the pixel.
	integral := func(x float64) float64 {
		switch {
		case x <= x0:
			return 0
		case x >= x1:
			return (x1-x0)/2 + x - x1
		}
		return (x - x0) * (x - x0) / (2 * (x1 - x0))
	}
	return integral(end) - integral(start)
}

// draw mixes a colour into the pixels of an image from at on.
func (c *coverage) draw(m *image.RGBA, at image.Point, colour color.RGBA) {
	for y := range c.high {
		sums := c.sums[y*(c.wide+2):]
		sum := 0.0
		for x := range c.wide {
			sum += sums[x]
			if share := math.Min(math.Abs(sum), 1); share > 1.0/512 {
				mix(m.Pix[m.PixOffset(at.X+x, at.Y+y):], colour, share)
			}
		}
	}
}

// mix puts a share of an opaque colour over a pixel.
func mix(pixel []uint8, c color.RGBA, share float64) {
	over := func(old, new uint8) uint8 { return uint8(float64(old) + (float64(new)-float64(old))*share + 0.5) }
	pixel[0], pixel[1], pixel[2] = over(pixel[0], c.R), over(pixel[1], c.G), over(pixel[2], c.B)
}
