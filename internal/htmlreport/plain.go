package htmlreport

import (
	"io"
	"unicode/utf8"

	"synscope/internal/report/units"
)

// plain passes a page on, and puts U+FFFD for what records may hold and no page shows
// (units.Commanding): the page may be written to a terminal, and be read as text.
type plain struct {
	to   io.Writer
	out  []byte
	rest []byte // of a character whose end has not come
}

func (p *plain) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	at := 0
	for at < len(p.rest) && utf8.FullRune(p.rest[at:]) {
		r, size := utf8.DecodeRune(p.rest[at:])
		p.out = utf8.AppendRune(p.out, shown(r))
		at += size
	}
	p.rest = append(p.rest[:0], p.rest[at:]...)
	_, err := p.to.Write(p.out)
	p.out = p.out[:0]
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// flush ends the page; a character without an end is none.
func (p *plain) flush() error {
	if len(p.rest) == 0 {
		return nil
	}
	_, err := p.to.Write(utf8.AppendRune(nil, utf8.RuneError))
	return err
}

func shown(r rune) rune {
	switch {
	case r == '\n', r == '\t':
		return r
	case units.Commanding(r):
		return utf8.RuneError
	}
	return r
}
