package picture

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
)

// pixels is how many pixels of a PNG make a point: 120 an inch.
const pixels = 120.0 / 72

// rasteriser fills shapes on an image.
type rasteriser struct {
	image *image.RGBA
	fill  coverage
}

// WritePNG writes the picture as PNG.
func (p *Picture) WritePNG(out io.Writer) error {
	return png.Encode(out, p.raster())
}

func (p *Picture) raster() *image.RGBA {
	r := &rasteriser{image: image.NewRGBA(image.Rect(0, 0, int(p.wide*pixels), int(p.high*pixels)))}
	draw.Draw(r.image, r.image.Bounds(), image.White, image.Point{}, draw.Src)
	for _, i := range p.items {
		i.png(r)
	}
	return r.image
}

// polygons fills the union of polygons in points of the picture, all of which
// turn the same way.
func (r *rasteriser) polygons(c color.RGBA, all ...[]Point) {
	at := bounds(all).Intersect(r.image.Bounds())
	if at.Empty() {
		return
	}
	r.fill.reset(at.Dx(), at.Dy())
	place := func(p Point) Point {
		return Point{p.X*pixels - float64(at.Min.X), p.Y*pixels - float64(at.Min.Y)}
	}
	for _, points := range all {
		for i, p := range points {
			r.fill.edge(place(p), place(points[(i+1)%len(points)]))
		}
	}
	r.fill.draw(r.image, at.Min, c)
}

// bounds are the pixels that polygons touch.
func bounds(all [][]Point) image.Rectangle {
	low, high := Point{math.Inf(1), math.Inf(1)}, Point{math.Inf(-1), math.Inf(-1)}
	for _, points := range all {
		for _, p := range points {
			low = Point{min(low.X, p.X), min(low.Y, p.Y)}
			high = Point{max(high.X, p.X), max(high.Y, p.Y)}
		}
	}
	if !(low.X <= high.X && low.Y <= high.Y) {
		return image.Rectangle{}
	}
	return image.Rect(pixel(low.X), pixel(low.Y), pixel(high.X)+1, pixel(high.Y)+1)
}

// pixel is the one that a coordinate falls into, within what an image can have.
func pixel(v float64) int { return int(math.Floor(min(max(v*pixels, -1e6), 1e6))) }

func (l *path) png(r *rasteriser) {
	if l.width == 0 {
		r.polygons(l.colour, l.points)
		return
	}
	for _, piece := range dashed(l.points, l.dashes) {
		r.polygons(l.colour, stroked(piece, l.width)...)
	}
}

func (m *marks) png(r *rasteriser) {
	for _, at := range m.at {
		if m.shape != Cross {
			r.polygons(m.colour, moved(m.shape.outline(m.radius), at))
			continue
		}
		for _, s := range strokes(m.radius) {
			r.polygons(m.colour, stroked(moved(s[:], at), crossWidth)...)
		}
	}
}

func (l *label) png(r *rasteriser) {
	start := -textWidth(l.words, l.size) * float64(l.align) / 2
	for _, c := range l.words {
		g := formOf(c)
		r.glyph(g, l, start)
		start += g.advance * l.size
	}
}

// glyph fills one character of a label, which begins so far from its place.
func (r *rasteriser) glyph(g glyph, l *label, start float64) {
	place := func(p Point) Point {
		x, y := start+p.X*l.size, p.Y*l.size
		if l.upright {
			return Point{l.at.X + y, l.at.Y - x}
		}
		return Point{l.at.X + x, l.at.Y + y}
	}
	var contours [][]Point
	for _, s := range g.segments {
		last := len(contours) - 1
		switch s.kind {
		case moveTo:
			contours = append(contours, []Point{place(s.points[0])})
		case lineTo:
			contours[last] = append(contours[last], place(s.points[0]))
		case curveTo:
			from := contours[last][len(contours[last])-1]
			contours[last] = append(contours[last], curve(from, place(s.points[0]), place(s.points[1]))...)
		}
	}
	r.polygons(l.colour, contours...)
}

// curve is a quadratic Bézier curve in straight pieces, without its first point.
func curve(a, b, c Point) []Point {
	const pieces = 6
	points := make([]Point, pieces)
	for i := range points {
		t := float64(i+1) / pieces
		u := 1 - t
		points[i] = Point{u*u*a.X + 2*u*t*b.X + t*t*c.X, u*u*a.Y + 2*u*t*b.Y + t*t*c.Y}
	}
	return points
}
