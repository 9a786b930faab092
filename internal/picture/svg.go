package picture

import (
	"bufio"
	"fmt"
	"image/color"
	"io"
	"strconv"
	"strings"
)

// fontStack are sans-serif fonts, of which each system has one.
const fontStack = "'DejaVu Sans', Verdana, 'Noto Sans', 'Liberation Sans', Helvetica, Arial, sans-serif"

// svgWriter writes items as elements.
type svgWriter struct {
	*bufio.Writer
	paint  func(attribute string, c color.RGBA) string
	inline bool // in a page
}

// literal is a colour as an attribute.
func literal(attribute string, c color.RGBA) string { return attribute + `="` + hex(c) + `"` }

// WriteSVG writes the picture as SVG 1.1.
func (p *Picture) WriteSVG(out io.Writer) error {
	w := &svgWriter{bufio.NewWriter(out), literal, false}
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="%gpt" height="%gpt" viewBox="0 0 %g %g" font-family="%s">
<rect width="100%%" height="100%%" fill="#fff"/>
`, p.wide, p.high, p.wide, p.high, fontStack)
	return w.finish(p)
}

// WriteInline writes the picture as an element of an HTML page: as wide as the
// page lets it be, without a ground, and in colours that a style sheet may
// change ([DarkStyle]). title is for who does not see it.
func (p *Picture) WriteInline(out io.Writer, title string) error {
	w := &svgWriter{bufio.NewWriter(out), themed, true}
	fmt.Fprintf(w, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s">`+"\n", p.wide, p.high, escaped.Replace(shown(title)))
	return w.finish(p)
}

func (w *svgWriter) finish(p *Picture) error {
	for _, i := range p.items {
		i.svg(w)
	}
	w.WriteString("</svg>\n")
	return w.Flush()
}

func (l *path) svg(w *svgWriter) {
	if l.width == 0 {
		fmt.Fprintf(w, `<path d="%sZ" %s/>`+"\n", pathData(l.points), w.paint("fill", l.colour))
		return
	}
	dashes := ""
	if len(l.dashes) > 0 {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, strings.Trim(fmt.Sprint(l.dashes), "[]"))
	}
	fmt.Fprintf(w, `<path d="%s" fill="none" %s stroke-width="%s" stroke-linejoin="round" stroke-linecap="round"%s/>`+"\n",
		pathData(l.points), w.paint("stroke", l.colour), short(l.width), dashes)
}

func (m *marks) svg(w *svgWriter) {
	if w.inline && m.shape == Disc {
		m.points(w)
		return
	}
	var data strings.Builder
	for _, at := range m.at {
		if m.shape == Cross {
			for _, s := range strokes(m.radius) {
				data.WriteString(pathData(moved(s[:], at)))
			}
			continue
		}
		data.WriteString(pathData(moved(m.shape.outline(m.radius), at)) + "Z")
	}
	if m.shape == Cross {
		fmt.Fprintf(w, `<path d="%s" fill="none" %s stroke-width="%s"/>`+"\n", data.String(), w.paint("stroke", m.colour), short(crossWidth))
		return
	}
	fmt.Fprintf(w, `<path d="%s" %s/>`+"\n", data.String(), w.paint("fill", m.colour))
}

// points writes discs as the round ends of lines without length: a tenth of the
// room of their outlines.
func (m *marks) points(w *svgWriter) {
	fmt.Fprintf(w, `<path d="`)
	for _, at := range m.at {
		w.WriteString("M" + short(at.X) + " " + short(at.Y) + "h0")
	}
	fmt.Fprintf(w, `" fill="none" %s stroke-width="%s" stroke-linecap="round"/>`+"\n", w.paint("stroke", m.colour), short(2*m.radius))
}

func (l *label) svg(w *svgWriter) {
	turned := ""
	if l.upright {
		turned = fmt.Sprintf(` transform="rotate(-90 %s %s)"`, short(l.at.X), short(l.at.Y))
	}
	anchor := [...]string{atStart: "start", atMiddle: "middle", atEnd: "end"}[l.align]
	fmt.Fprintf(w, `<text x="%s" y="%s" font-size="%s" text-anchor="%s" %s%s>%s</text>`+"\n",
		short(l.at.X), short(l.at.Y), short(l.size), anchor, w.paint("fill", l.colour), turned, escaped.Replace(shown(l.words)))
}

// escaped writes words as XML text.
var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// shown are words without the characters that XML 1.0 cannot hold.
func shown(words string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == 0xfffe || c == 0xffff {
			return '\ufffd'
		}
		return c
	}, words)
}

func pathData(points []Point) string {
	var b strings.Builder
	for i, p := range points {
		b.WriteByte("LM"[b2i(i == 0)])
		b.WriteString(short(p.X) + " " + short(p.Y))
	}
	return b.String()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// short is a number to a hundredth of a point.
func short(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// moved are points shifted by an offset.
func moved(points []Point, by Point) []Point {
	out := make([]Point, len(points))
	for i, p := range points {
		out[i] = Point{p.X + by.X, p.Y + by.Y}
	}
	return out
}
