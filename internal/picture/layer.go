package picture

import (
	"image/color"
	"math"
)

// Layer is something between the axes of a panel, in their units.
type Layer interface{ draw(*Drawing) }

// Drawing is the place of a panel's data on a picture.
type Drawing struct {
	p     *Picture
	panel *Panel
	frame Rect
}

// place is where a value lies on the picture.
func (d *Drawing) place(v Point) Point {
	f := d.frame.Inset(edge)
	if d.panel.Square {
		side := min(f.width(), f.height()) / 2
		c := f.centre()
		f = Rect{c.X - side, c.Y - side, c.X + side, c.Y + side}
	}
	return Point{f.Left + d.panel.X.share(v.X)*f.width(), f.Bottom - d.panel.Y.share(v.Y)*f.height()}
}

func (d *Drawing) places(values []Point) []Point {
	out := make([]Point, len(values))
	for i, v := range values {
		out[i] = d.place(v)
	}
	return out
}

// Dots are signs at places.
type Dots struct {
	At     []Point
	Shape  Shape
	Radius float64 // in points of the picture
	Colour color.RGBA
}

func (l Dots) draw(d *Drawing) {
	d.p.add(&marks{at: d.places(l.At), shape: l.Shape, radius: l.Radius, colour: l.Colour})
}

// Line goes through places.
type Line struct {
	Through []Point
	Width   float64 // in points of the picture
	Colour  color.RGBA
	Dashed  bool
}

func (l Line) draw(d *Drawing) {
	line := &path{points: d.places(l.Through), width: l.Width, colour: l.Colour}
	if l.Dashed {
		line.dashes = []float64{3, 3}
	}
	d.p.add(line)
}

// Band fills all of X between two values of Y.
type Band struct {
	Low, High float64
	Colour    color.RGBA
}

func (l Band) draw(d *Drawing) {
	top, bottom := d.place(Point{d.panel.X.Low, l.High}).Y, d.place(Point{d.panel.X.Low, l.Low}).Y
	d.p.add(&path{colour: l.Colour, points: []Point{
		{d.frame.Left, top}, {d.frame.Right, top}, {d.frame.Right, bottom}, {d.frame.Left, bottom},
	}})
}

// Words are written at a place.
type Words struct {
	At    Point
	Words string
}

func (l Words) draw(d *Drawing) {
	d.p.write(l.Words, d.place(l.At), tickSize, paleInk, atMiddle)
}

// Radius suits a number of dots: smaller where they are many.
func Radius(n int) float64 {
	return math.Max(1.1, 2.6-0.25*math.Log2(math.Max(1, float64(n)/100)))
}

// Fade is a lighter colour.
func Fade(c color.RGBA) color.RGBA {
	lighter := func(v uint8) uint8 { return 255 - (255-v)/2 }
	return color.RGBA{lighter(c.R), lighter(c.G), lighter(c.B), 255}
}

// Palette is Okabe and Ito's (2008), which people of every colour vision can
// tell apart; its vermilion is kept for [Loss].
var Palette = [...]color.RGBA{
	{0, 114, 178, 255}, {230, 159, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{86, 180, 233, 255}, {120, 94, 40, 255}, {60, 60, 60, 255}, {150, 150, 0, 255},
}

// Loss is the colour of what failed, Shade of an area behind data.
var (
	Loss  = color.RGBA{213, 94, 0, 255}
	Shade = color.RGBA{226, 232, 236, 255}
)
