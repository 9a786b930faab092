package picture

import (
	"image/color"
)

// Point is a place on a picture, in points of 1/72 inch from its upper left
// corner, y down; or, in a layer of a panel, in units of the panel's axes.
type Point struct{ X, Y float64 }

// Rect is a part of a picture.
type Rect struct{ Left, Top, Right, Bottom float64 }

// Inset is the rectangle less a margin on each side.
func (r Rect) Inset(by float64) Rect {
	return Rect{r.Left + by, r.Top + by, r.Right - by, r.Bottom - by}
}

func (r Rect) width() float64  { return r.Right - r.Left }
func (r Rect) height() float64 { return r.Bottom - r.Top }
func (r Rect) centre() Point   { return Point{(r.Left + r.Right) / 2, (r.Top + r.Bottom) / 2} }

// Picture is a list of what is to be drawn, in that order, on white.
type Picture struct {
	wide, high float64
	items      []item
}

// New is an empty picture of a size in points.
func New(wide, high float64) *Picture { return &Picture{wide: wide, high: high} }

// Bounds is the whole of it.
func (p *Picture) Bounds() Rect { return Rect{0, 0, p.wide, p.high} }

// item is one thing of a picture.
type item interface {
	svg(*svgWriter)
	png(*rasteriser)
}

// path is a line through points, or a filled polygon.
type path struct {
	points []Point
	colour color.RGBA
	width  float64 // of the line; 0 for a filled polygon
	dashes []float64
}

// marks are the same sign at several places.
type marks struct {
	at     []Point
	shape  Shape
	radius float64
	colour color.RGBA
}

// label is a line of words.
type label struct {
	words   string
	at      Point
	size    float64
	colour  color.RGBA
	align   align
	upright bool // from below upwards, along a vertical axis
}

// align is which part of a label its place is.
type align byte

const (
	atStart align = iota
	atMiddle
	atEnd
)

// Colours of what is not data.
var (
	ink      = color.RGBA{30, 30, 30, 255}
	paleInk  = color.RGBA{95, 95, 95, 255}
	gridInk  = color.RGBA{222, 222, 222, 255}
	frameInk = color.RGBA{130, 130, 130, 255}
)

func (p *Picture) add(i item) { p.items = append(p.items, i) }

func (p *Picture) line(c color.RGBA, width float64, points ...Point) {
	p.add(&path{points: points, colour: c, width: width})
}

// write puts a line of words so that the middle of its small letters is at a
// place.
func (p *Picture) write(words string, at Point, size float64, c color.RGBA, a align) {
	at.Y += halfLetter * size
	p.add(&label{words: words, at: at, size: size, colour: c, align: a})
}

// writeUpright is write from below upwards.
func (p *Picture) writeUpright(words string, at Point, size float64, c color.RGBA) {
	at.X += halfLetter * size
	p.add(&label{words: words, at: at, size: size, colour: c, align: atMiddle, upright: true})
}

// halfLetter is half the height of digits, in ems.
const halfLetter = 0.36

// Heading writes a title at the top of the picture, and returns what is left of
// it.
func (p *Picture) Heading(words string) Rect {
	room := p.Bounds()
	size := fitting(words, 16, room.width()-20)
	p.write(words, Point{room.centre().X, 18}, size, ink, atMiddle)
	room.Top = 32
	return room
}

// fitting is the size, at most the one wanted, at which words fit a width.
func fitting(words string, size, wide float64) float64 {
	if w := roomFor(words, size); w > wide {
		size *= wide / w
	}
	return max(size, 5)
}
