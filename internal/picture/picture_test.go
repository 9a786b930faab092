package picture

import (
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// The widths and forms on board are those of the font that they come from.
func TestOutlinesAreTheFonts(t *testing.T) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: 100, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		t.Fatal(err)
	}
	const text = "How long 192.0.2.7:443 took, µs ± 2^31 (Zażółć, Ωμέγα, Жизнь) − →"
	want := float64(font.MeasureString(face, text)) / 64
	for _, kern := range pairs(text) { // which the font on board leaves out
		want -= float64(face.Kern(kern[0], kern[1])) / 64
	}
	if got := textWidth(text, 100); math.Abs(got-want) > 1 {
		t.Errorf("%g wide, want %g", got, want)
	}
	for _, c := range "Ag8µЖ" {
		sameForm(t, face, c)
	}
}

func pairs(s string) (all [][2]rune) {
	runes := []rune(s)
	for i := 1; i < len(runes); i++ {
		all = append(all, [2]rune{runes[i-1], runes[i]})
	}
	return all
}

// sameForm compares a character with x/image's own drawing of it, pixel by pixel.
func sameForm(t *testing.T, face font.Face, c rune) {
	t.Helper()
	p := New(90, 90) // 150 pixels
	p.add(&label{words: string(c), at: Point{6, 72}, size: 60, colour: color.RGBA{A: 255}})
	got := p.raster()
	where, mask, from, _, ok := face.Glyph(fixed.P(10, 120), c)
	if !ok {
		t.Fatalf("%q is not in the font", c)
	}
	off := 0.0
	for y := range 150 {
		for x := range 150 {
			want := 0.0
			if in := (x >= where.Min.X && x < where.Max.X && y >= where.Min.Y && y < where.Max.Y); in {
				_, _, _, a := mask.At(from.X+x-where.Min.X, from.Y+y-where.Min.Y).RGBA()
				want = float64(a) / 0xffff
			}
			r, _, _, _ := got.At(x, y).RGBA()
			off += math.Abs(1 - float64(r)/0xffff - want)
		}
	}
	if off > 40 { // of some 2,000 pixels of ink
		t.Errorf("%q: %.0f pixels differ", c, off)
	}
}

// Both formats show a stroke at the same place and as wide as it is.
func TestStrokeIsAsWideAsAsked(t *testing.T) {
	for _, width := range []float64{0.6, 1, 2.4, 6} {
		p := New(60, 60)
		p.line(color.RGBA{A: 255}, width, Point{10, 10}, Point{50, 40})
		ink := 0.0
		m := p.raster()
		for i := 0; i < len(m.Pix); i += 4 {
			ink += 1 - float64(m.Pix[i])/255
		}
		if want := 50 * width * pixels * pixels; math.Abs(ink-want) > want/50 {
			t.Errorf("%g wide: %.0f pixels of ink, want %.0f", width, ink, want)
		}
	}
}

func TestDashes(t *testing.T) {
	pieces := dashed([]Point{{0, 0}, {10, 0}, {10, 10}}, []float64{4, 2})
	long := 0.0
	for _, p := range pieces {
		for i := 1; i < len(p); i++ {
			long += math.Hypot(p[i].X-p[i-1].X, p[i].Y-p[i-1].Y)
		}
	}
	if len(pieces) != 4 || math.Abs(long-14) > 1e-9 { // 4 on, 2 off, … 20 in all
		t.Errorf("%d pieces, %g long: %v", len(pieces), long, pieces)
	}
}

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		got  []Tick
		want string
	}{
		{EvenTicks(0, 1), "0 0.2 0.4 0.6 0.8 1"},
		{EvenTicks(-250, 400), "−200 −100 0 100 200 300 400"},
		{EvenTicks(0.98, 1.02), "0.98 0.985 0.99 0.995 1 1.005 1.01 1.015 1.02"},
		{EvenTicks(1, 1), ""}, {EvenTicks(0, math.Inf(1)), ""},
		{LogTicks(0.7, 60), "1 2 5 10 20 50"},
		{LogTicks(1, 1e6), "1 10 100 1000 10000 100000 1000000"},
		{LogTicks(3, 4), "3 3.2 3.4 3.6 3.8 4"},
	} {
		var words []string
		for _, k := range tc.got {
			words = append(words, k.Words)
		}
		if got := strings.Join(words, " "); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

// Nothing of a legend lies over another part of it, however long its words.
func TestLegendFits(t *testing.T) {
	n := &Panel{}
	for i := range 9 {
		n.Legend = append(n.Legend, Key{Words: strings.Repeat("wide words ", i)})
	}
	seen := 0
	for _, row := range n.rows(300) {
		seen += len(row)
		if len(row) > 1 && rowWidth(row) > 300 {
			t.Errorf("a row of %g", rowWidth(row))
		}
	}
	if seen != 9 {
		t.Errorf("%d of 9 entries", seen)
	}
}

// A file that cannot be written leaves nothing behind.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	if err := New(10, 10).WriteFile(filepath.Join(dir, "a.gif")); err == nil {
		t.Error("a GIF")
	}
	if err := Check(filepath.Join(dir, "none", "a.svg")); err == nil {
		t.Error("a directory that is not there")
	}
	if err := os.Mkdir(filepath.Join(dir, "a.png"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := New(10, 10).WriteFile(filepath.Join(dir, "a.png")); err == nil {
		t.Error("a picture in place of a directory")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".synscope-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Ticks come to an end whatever the numbers, also where those are so large that one
// and the next differ by more than a step.
func TestTicksEnd(t *testing.T) {
	for _, c := range [][2]float64{{1e18, 1e18 + 128}, {-1e300, 1e300}, {1e-300, 2e-300}, {0, 1e308}, {-5, -5 + 1e-15}, {9.2e18, 9.3e18}} {
		if n := len(EvenTicks(c[0], c[1])); n > 20 {
			t.Errorf("%v: %d ticks", c, n)
		}
		if n := len(LogTicks(max(c[0], 1e-300), max(c[1], 1e-299))); n > 2000 {
			t.Errorf("%v: %d ticks of a logarithm", c, n)
		}
	}
}
