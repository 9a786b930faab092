package nmap

import (
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
)

// script writes a record as nmap writes what a script found: in words, and its
// fields as elements under their names in the JSON lines.
func script(b *strings.Builder, s story) {
	element(b, "script", ">\n", "id", s.Type(), "output", s.words)
	s.Fields(&elements{b})
	b.WriteString("</script>\n")
}

// elements is the inside of a script element, or of a table in it.
type elements struct{ b *strings.Builder }

func (e *elements) elem(name, value string) {
	element(e.b, "elem", ">", "key", name)
	escape(e.b, value)
	e.b.WriteString("</elem>\n")
}

func (e *elements) table(name string, rows func()) {
	element(e.b, "table", ">\n", "key", name)
	rows()
	e.b.WriteString("</table>\n")
}

func (e *elements) list(name string, values []string) {
	e.table(name, func() {
		for _, v := range values {
			e.b.WriteString("<elem>")
			escape(e.b, v)
			e.b.WriteString("</elem>\n")
		}
	})
}

func (e *elements) Addr(name string, value netip.Addr) { e.elem(name, value.String()) }
func (e *elements) Str(name, value string)             { e.elem(name, value) }
func (e *elements) Uint(name string, value uint64)     { e.elem(name, strconv.FormatUint(value, 10)) }
func (e *elements) Bool(name string, value bool)       { e.elem(name, strconv.FormatBool(value)) }
func (e *elements) Nanoseconds(name string, d time.Duration) {
	e.elem(name, strconv.FormatInt(d.Nanoseconds(), 10))
}

func (e *elements) Float(name string, value float64) {
	e.elem(name, strconv.FormatFloat(value, 'f', -1, 64))
}

func (e *elements) Time(name string, value time.Time) {
	e.elem(name, value.UTC().Format(time.RFC3339Nano))
}

func (e *elements) Strs(name string, values []string) { e.list(name, values) }

func (e *elements) Counts(name string, values iter.Seq2[string, uint64]) {
	e.Object(name, func(w record.FieldWriter) {
		for key, n := range values {
			w.Uint(key, n)
		}
	})
}

// Findings are scripts of their own.
func (e *elements) Findings(string, []probe.Finding) {}

func (e *elements) Durations(name string, values []time.Duration) {
	words := make([]string, len(values))
	for i, d := range values {
		words[i] = fmt.Sprint(d.Nanoseconds())
	}
	e.list(name, words)
}

func (e *elements) Object(name string, fields func(w record.FieldWriter)) {
	e.table(name, func() { fields(e) })
}

func (e *elements) Objects(name string, n int, fields func(w record.FieldWriter, i int)) {
	e.table(name, func() {
		for i := range n {
			e.table(strconv.Itoa(i+1), func() { fields(e, i) })
		}
	})
}
