package rows

import (
	"fmt"
	"iter"
	"math"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/units"
	"synscope/probe"
)

// jsonSink writes every record as one JSON object a line.
type jsonSink struct {
	w      *sink.LineWriter
	object jsonObject // of the record being written, under the lock of w
}

// NewJSON writes JSON lines.
func NewJSON(w *sink.LineWriter, _ sink.Options) sink.Sink { return &jsonSink{w: w} }

func (s *jsonSink) Record(r record.Record) error {
	return s.w.Append(func(b []byte) []byte {
		return append(s.object.record(b, r), '\n')
	})
}

func (s *jsonSink) Close() error { return s.w.Flush() }

// PassesPorts: a record is written at once.
func (s *jsonSink) PassesPorts() bool { return true }

// AppendJSON appends a record as a JSON object, without a line's end. It gives
// what encoding/json gives for the record's type without escaping HTML, and
// allocates nothing for the fields of a port that are numbers.
func AppendJSON(b []byte, r record.Record) []byte {
	return new(jsonObject).record(b, r)
}

// record appends a record; the object keeps nothing of it.
func (o *jsonObject) record(b []byte, r record.Record) []byte {
	o.b = append(b, '{')
	o.Str("type", r.Type())
	r.Fields(o)
	b = append(o.b, '}')
	o.b = nil
	return b
}

// jsonObject is an object under construction: everything up to its last field.
type jsonObject struct {
	b      []byte
	second second
}

// key begins a field. Names are ours: plain letters, nothing to escape.
func (o *jsonObject) key(name string) {
	b := o.b
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(append(b, '"'), name...), `":`...)
	o.b = b
}

func (o *jsonObject) Str(name, value string) {
	o.key(name)
	o.b = appendJSONString(o.b, value)
}

func (o *jsonObject) Addr(name string, value netip.Addr) {
	o.key(name)
	if value.Zone() != "" || !value.IsValid() {
		o.b = appendJSONString(o.b, value.String())
		return
	}
	o.b = append(value.AppendTo(append(o.b, '"')), '"')
}

func (o *jsonObject) Uint(name string, value uint64) {
	o.key(name)
	o.b = strconv.AppendUint(o.b, value, 10)
}

func (o *jsonObject) Nanoseconds(name string, value time.Duration) {
	o.key(name)
	o.b = strconv.AppendInt(o.b, value.Nanoseconds(), 10)
}

// Float leaves out what JSON has no word for: infinities and NaN.
func (o *jsonObject) Float(name string, value float64) {
	if math.IsInf(value, 0) || math.IsNaN(value) {
		return
	}
	o.key(name)
	o.b = strconv.AppendFloat(o.b, value, 'f', -1, 64)
}

func (o *jsonObject) Bool(name string, value bool) {
	o.key(name)
	o.b = strconv.AppendBool(o.b, value)
}

func (o *jsonObject) Time(name string, value time.Time) {
	o.key(name)
	o.b = append(o.b, '"')
	o.b = o.second.appendTo(o.b, value)
	o.b = append(o.b, '"')
}

// second is the last second that was written, since the next moment is often in it.
type second struct {
	unix int64
	text []byte // up to the second
}

// appendTo appends what [time.RFC3339Nano] gives of a moment in UTC.
func (s *second) appendTo(b []byte, t time.Time) []byte {
	if unix := t.Unix(); s.text == nil || unix != s.unix {
		s.unix, s.text = unix, time.Unix(unix, 0).UTC().AppendFormat(s.text[:0], "2006-01-02T15:04:05")
	}
	b = append(b, s.text...)
	if n := t.Nanosecond(); n != 0 {
		digits := 9
		for ; n%10 == 0; n /= 10 {
			digits--
		}
		b = append(b, ".000000000"[:1+digits]...)
		for i := len(b) - 1; n > 0; i-- {
			b[i] = byte('0' + n%10)
			n /= 10
		}
	}
	return append(b, 'Z')
}

func (o *jsonObject) Strs(name string, values []string) {
	o.key(name)
	o.b = append(o.b, '[')
	for i, v := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = appendJSONString(o.b, v)
	}
	o.b = append(o.b, ']')
}

func (o *jsonObject) Counts(name string, values iter.Seq2[string, uint64]) {
	o.key(name)
	o.b = append(o.b, '{')
	for key, n := range values {
		if o.b[len(o.b)-1] != '{' {
			o.b = append(o.b, ',')
		}
		o.b = append(appendJSONString(o.b, key), ':')
		o.b = strconv.AppendUint(o.b, n, 10)
	}
	o.b = append(o.b, '}')
}

func (o *jsonObject) Findings(name string, values []probe.Finding) {
	o.key(name)
	o.b = append(o.b, '[')
	for i, f := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = append(o.b, '{')
		o.Str("code", f.Code)
		o.Str("severity", f.Severity.String())
		o.Str("text", f.Text)
		if f.Evidence != "" {
			o.Str("evidence", f.Evidence)
		}
		o.b = append(o.b, '}')
	}
	o.b = append(o.b, ']')
}

func (o *jsonObject) Durations(name string, values []time.Duration) {
	o.key(name)
	o.b = append(o.b, '[')
	for i, v := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = strconv.AppendInt(o.b, v.Nanoseconds(), 10)
	}
	o.b = append(o.b, ']')
}

func (o *jsonObject) Object(name string, fields func(w record.FieldWriter)) {
	o.key(name)
	o.b = append(o.b, '{')
	fields(o)
	o.b = append(o.b, '}')
}

func (o *jsonObject) Objects(name string, n int, fields func(w record.FieldWriter, i int)) {
	o.key(name)
	o.b = append(o.b, '[')
	for i := range n {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = append(o.b, '{')
		fields(o, i)
		o.b = append(o.b, '}')
	}
	o.b = append(o.b, ']')
}

// appendJSONString quotes as encoding/json does with HTML left alone (RFC 8259
// §7): bytes that are not UTF-8 become U+FFFD. What does something to a terminal, a reader
// or JavaScript is escaped (units.Commanding).
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := lengthPlain(s); i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' || c == 0x7f {
				b = appendEscape(append(b, s[done:i]...), c)
				done = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if escaped := longEscape(r, size); escaped != "" {
			b = append(append(b, s[done:i]...), escaped...)
			done = i + size
		}
		i += size
	}
	return append(append(b, s[done:]...), '"')
}

// lengthPlain is how much of the front of a string stands for itself: mostly all.
func lengthPlain(s string) int {
	for i := range len(s) {
		if !plain[s[i]] {
			return i
		}
	}
	return len(s)
}

// plain are the bytes that are a character of ASCII and stand for themselves.
var plain = func() (is [256]bool) {
	for c := ' '; c < 0x7f; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// appendEscape appends an ASCII character that may not stand for itself.
func appendEscape(b []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}

// longEscape is the escape of a rune beyond ASCII, or "" for one that stands
// for itself.
func longEscape(r rune, size int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return `\ufffd`
	case units.Commanding(r):
		return fmt.Sprintf(`\u%04x`, r)
	}
	return ""
}
