package record

import (
	"iter"
	"net/netip"
	"time"

	"synscope/probe"
	"synscope/probe/isn"
)

// Schema names the version of the JSON lines. It changes when a field changes
// its name, type or meaning, not when one is added.
const Schema = "synscope/1"

// Record is one line of the JSON lines. The implementations are the records
// of this package, always pointers: [*Run], [*Port], [*Summary].
type Record interface {
	// Type is the value of the record's first field, "type".
	Type() string
	// Fields hands every field that is present to w, in the record's order.
	Fields(w FieldWriter)
}

// FieldWriter receives the fields of one record. It keeps none of the values.
type FieldWriter interface {
	Str(name, value string)
	Addr(name string, value netip.Addr)
	Uint(name string, value uint64)
	Nanoseconds(name string, value time.Duration)
	Float(name string, value float64)
	Bool(name string, value bool)
	Time(name string, value time.Time)
	Strs(name string, values []string)
	Counts(name string, values iter.Seq2[string, uint64])
	Findings(name string, values []probe.Finding)
	Durations(name string, values []time.Duration)
	Object(name string, fields func(w FieldWriter))
	Objects(name string, n int, fields func(w FieldWriter, i int))
}

// Maybe is a value that may not have been measured. The zero Maybe is absent:
// it is left out of every output, whereas Some(0) is written as 0.
type Maybe[T any] = isn.Opt[T]

// Some is a value that was measured.
func Some[T any](v T) Maybe[T] { return isn.Some(v) }

// uintField writes an unsigned field where it is present.
func uintField[T ~uint8 | ~uint16 | ~uint32 | ~uint64](w FieldWriter, name string, m Maybe[T]) {
	if v, ok := m.Get(); ok {
		w.Uint(name, uint64(v))
	}
}

// boolField writes a boolean field where it is present.
func boolField(w FieldWriter, name string, m Maybe[bool]) {
	if v, ok := m.Get(); ok {
		w.Bool(name, v)
	}
}

// momentField writes a time where there is one.
func momentField(w FieldWriter, name string, t time.Time) {
	if !t.IsZero() {
		w.Time(name, t)
	}
}

// strField writes a string field where it is not empty.
func strField(w FieldWriter, name, value string) {
	if value != "" {
		w.Str(name, value)
	}
}

// durationField writes a duration where it is present.
func durationField(w FieldWriter, name string, m Maybe[time.Duration]) {
	if v, ok := m.Get(); ok {
		w.Nanoseconds(name, v)
	}
}

// addrField writes an address where it is valid.
func addrField(w FieldWriter, name string, a netip.Addr) {
	if a.IsValid() {
		w.Addr(name, a)
	}
}

// floatField writes a number where it is present.
func floatField(w FieldWriter, name string, o Maybe[float64]) {
	if v, ok := o.Get(); ok {
		w.Float(name, v)
	}
}

// findingsField writes findings where there are any.
func findingsField(w FieldWriter, name string, list []probe.Finding) { // internal/schema reads the name where it is called
	if len(list) > 0 {
		w.Findings(name, list)
	}
}
