// Command fontoutlines writes the outlines of the font that pictures are
// lettered in: Go Regular of golang.org/x/image/font/gofont, all characters that
// host names and captions are likely to hold. The file is embedded into the
// program, which so needs no font reader and no font of the machine.
//
//	go run ./scripts/fontoutlines internal/picture/sans.outlines
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// kept are the first and last characters of the ranges that are written: Latin,
// Greek, Cyrillic, punctuation, arrows and signs of calculation.
var kept = [][2]rune{
	{0x20, 0x7e}, {0xa0, 0x17f}, {0x384, 0x3ce}, {0x400, 0x45f}, {0x2010, 0x2026}, {0x20ac, 0x20ac},
	{0x2190, 0x2195}, {0x2202, 0x2265}, {0xfffd, 0xfffd},
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: fontoutlines FILE")
	}
	out, err := outlines(goregular.TTF)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], out, 0o644); err != nil {
		log.Fatal(err)
	}
}

// outlines is the units of an em, and for each character in ascending order: its
// distance from the one before, its advance, the number of segments, and those:
// a kind (0 move, 1 line, 2 quadratic curve) and one or two points, each as the
// distance from the point before. All numbers are varints, distances zigzag.
func outlines(ttf []byte) ([]byte, error) {
	f, err := sfnt.Parse(ttf)
	if err != nil {
		return nil, err
	}
	em := fixed.Int26_6(f.UnitsPerEm())
	out := binary.AppendUvarint(nil, uint64(em))
	before := rune(0)
	var b sfnt.Buffer
	for _, span := range kept {
		for r := span[0]; r <= span[1]; r++ {
			index, err := f.GlyphIndex(&b, r)
			if err != nil || index == 0 {
				continue
			}
			if out, err = appendGlyph(out, f, &b, index, em, r-before); err != nil {
				return nil, fmt.Errorf("%q: %w", r, err)
			}
			before = r
		}
	}
	return out, nil
}

func appendGlyph(out []byte, f *sfnt.Font, b *sfnt.Buffer, index sfnt.GlyphIndex, em fixed.Int26_6, distance rune) ([]byte, error) {
	advance, err := f.GlyphAdvance(b, index, em, font.HintingNone)
	if err != nil {
		return nil, err
	}
	segments, err := f.LoadGlyph(b, index, em, nil)
	if err != nil {
		return nil, err
	}
	out = binary.AppendUvarint(out, uint64(distance))
	out = binary.AppendUvarint(out, uint64(advance))
	out = binary.AppendUvarint(out, uint64(len(segments)))
	var pen fixed.Point26_6
	for _, s := range segments {
		points := 1
		switch s.Op {
		case sfnt.SegmentOpQuadTo:
			points = 2
		case sfnt.SegmentOpCubeTo:
			return nil, fmt.Errorf("a cubic curve")
		}
		out = append(out, byte(s.Op))
		for _, p := range s.Args[:points] {
			out = binary.AppendVarint(binary.AppendVarint(out, int64(p.X-pen.X)), int64(p.Y-pen.Y))
			pen = p
		}
	}
	return out, nil
}
