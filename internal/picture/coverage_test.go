package picture

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/vector"
)

// Random polygons are filled as golang.org/x/image/vector fills them, also where
// they reach beyond the image.
func TestCoverageAgainstXImage(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const wide, high = 40, 30
	for round := range 300 {
		reach := 1.0
		if round%3 == 0 {
			reach = 1.6
		}
		var points []Point
		for range 3 + rng.IntN(5) {
			points = append(points, Point{(rng.Float64()-0.5)*wide*reach + wide/2, (rng.Float64()-0.5)*high*reach + high/2})
		}
		theirs := vector.NewRasterizer(1024, high) // so wide that it does not round coordinates
		for i, p := range points {
			if i == 0 {
				theirs.MoveTo(float32(p.X), float32(p.Y))
				continue
			}
			theirs.LineTo(float32(p.X), float32(p.Y))
		}
		theirs.ClosePath()
		want := image.NewAlpha(image.Rect(0, 0, wide, high))
		theirs.Draw(want, want.Bounds(), image.Opaque, image.Point{})

		var c coverage
		c.reset(wide, high)
		for i, p := range points {
			c.edge(p, points[(i+1)%len(points)])
		}
		got := image.NewRGBA(want.Bounds())
		for i := range got.Pix {
			got.Pix[i] = 255
		}
		c.draw(got, image.Point{}, color.RGBA{A: 255})
		for y := range high {
			for x := range wide {
				inside := 255 - float64(got.RGBAAt(x, y).R)
				if off := math.Abs(inside - float64(want.AlphaAt(x, y).A)); off > 2 {
					t.Fatalf("round %d, pixel %d,%d: %g, want %d of %v", round, x, y, inside, want.AlphaAt(x, y).A, points)
				}
			}
		}
	}
}
