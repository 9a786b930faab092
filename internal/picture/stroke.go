package picture

import "math"

// stroked is a line of some width as polygons that turn the same way: one for
// each of its pieces, and a circle where two of them meet.
func stroked(points []Point, width float64) (polygons [][]Point) {
	half := width / 2
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		long := math.Hypot(b.X-a.X, b.Y-a.Y)
		if long == 0 {
			continue
		}
		n := Point{-(b.Y - a.Y) / long * half, (b.X - a.X) / long * half}
		polygons = append(polygons, []Point{
			{a.X - n.X, a.Y - n.Y}, {b.X - n.X, b.Y - n.Y}, {b.X + n.X, b.Y + n.Y}, {a.X + n.X, a.Y + n.Y},
		})
		if i+1 < len(points) && width > 1 {
			polygons = append(polygons, moved(circle(half), b))
		}
	}
	return polygons
}

// dashed cuts a line into pieces that are as long, in turn, as the dashes and
// the gaps between them.
func dashed(points []Point, dashes []float64) [][]Point {
	if len(dashes) == 0 || len(points) < 2 {
		return [][]Point{points}
	}
	var pieces [][]Point
	piece := []Point{points[0]}
	turn, left := 0, dashes[0]
	for i := 1; i < len(points); i++ {
		at, to := points[i-1], points[i]
		for {
			long := math.Hypot(to.X-at.X, to.Y-at.Y)
			if long == 0 || long <= left {
				left -= long
				break
			}
			at = Point{at.X + (to.X-at.X)*left/long, at.Y + (to.Y-at.Y)*left/long}
			if turn%2 == 0 {
				pieces = append(pieces, append(piece, at))
			}
			turn++
			piece, left = []Point{at}, dashes[turn%len(dashes)]
		}
		piece = append(piece, to)
	}
	if turn%2 == 0 {
		pieces = append(pieces, piece)
	}
	return pieces
}
