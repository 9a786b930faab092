package picture

import (
	_ "embed"
	"encoding/binary"
	"sync"
)

// sansOutlines are written by scripts/fontoutlines, whose comment describes them.
// The font is Go Regular, Copyright 2016 Bigelow & Holmes Inc., under the licence
// of Go itself (golang.org/x/image/font/gofont/ttfs/README).
//
//go:embed sans.outlines
var sansOutlines []byte

// segmentKind is how a segment of an outline goes on.
type segmentKind byte

// The kinds, as they are in the file.
const (
	moveTo segmentKind = iota
	lineTo
	curveTo // a quadratic Bézier curve
)

// segment is a part of an outline; the last point is where it ends.
type segment struct {
	kind   segmentKind
	points [2]Point // in ems, y down
}

// glyph is a character's form, in ems.
type glyph struct {
	advance  float64
	segments []segment
}

// sans are the glyphs by character.
var sans = sync.OnceValue(func() map[rune]glyph { return readOutlines(sansOutlines) })

// outlineReader walks through the file, which is ours and whole.
type outlineReader struct {
	rest []byte
	em   float64
}

func readOutlines(file []byte) map[rune]glyph {
	r := outlineReader{rest: file, em: 1}
	r.em = float64(r.unsigned())
	glyphs := map[rune]glyph{}
	for c := rune(0); len(r.rest) > 0; {
		c += rune(r.unsigned())
		glyphs[c] = r.glyph()
	}
	return glyphs
}

func (r *outlineReader) glyph() glyph {
	g := glyph{advance: float64(r.unsigned()) / r.em}
	var pen Point
	for range r.unsigned() {
		s := segment{kind: segmentKind(r.rest[0])}
		r.rest = r.rest[1:]
		pen = r.step(pen)
		s.points[0] = pen
		if s.kind == curveTo {
			pen = r.step(pen)
			s.points[1] = pen
		}
		g.segments = append(g.segments, s)
	}
	return g
}

// step is the next point after one.
func (r *outlineReader) step(p Point) Point {
	x := r.signed()
	return Point{p.X + x, p.Y + r.signed()}
}

func (r *outlineReader) unsigned() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.rest = r.rest[n:]
	return v
}

func (r *outlineReader) signed() float64 {
	v, n := binary.Varint(r.rest)
	r.rest = r.rest[n:]
	return float64(v) / r.em
}

// formOf is a character's form; of an unknown one that of U+FFFD or "?".
func formOf(c rune) glyph {
	for _, known := range []rune{c, '\ufffd', '?'} {
		if g, ok := sans()[known]; ok {
			return g
		}
	}
	return glyph{}
}

// textWidth is how wide words of a size are in the font on board.
func textWidth(words string, size float64) (w float64) {
	for _, c := range words {
		w += formOf(c).advance
	}
	return w * size
}

// fontRoom is by how much other fonts that an SVG may be shown in are wider.
const fontRoom = 1.1

// roomFor is the width to keep for words.
func roomFor(words string, size float64) float64 { return textWidth(words, size) * fontRoom }
