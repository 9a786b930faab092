package picture

import "math"

// Shape is the form of a mark.
type Shape byte

// The shapes.
const (
	Disc Shape = iota
	Square
	Diamond
	Triangle
	Pyramid
	Cross // two strokes, for what failed
)

// outline is a shape's polygon round the origin; a cross has none.
func (s Shape) outline(radius float64) []Point {
	switch s {
	case Square:
		r := radius * 0.86
		return []Point{{-r, -r}, {r, -r}, {r, r}, {-r, r}}
	case Diamond:
		r := radius * 1.2
		return []Point{{0, -r}, {r, 0}, {0, r}, {-r, 0}}
	case Triangle, Pyramid:
		r := radius * 1.25
		if s == Pyramid {
			r = -r
		}
		return []Point{{0, r}, {r * 0.9, -r * 0.6}, {-r * 0.9, -r * 0.6}}
	}
	return circle(radius)
}

// circle is a polygon that is one to the eye.
func circle(radius float64) []Point {
	n := 8 + int(4*radius)
	points := make([]Point, n)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		points[i] = Point{radius * cos, radius * sin}
	}
	return points
}

// strokes are the two lines of a cross.
func strokes(radius float64) [2][2]Point {
	r := radius * 0.8
	return [2][2]Point{{{-r, -r}, {r, r}}, {{-r, r}, {r, -r}}}
}

// crossWidth is how wide the strokes of a cross are.
const crossWidth = 1.1
