package report

import (
	"encoding/json"
	"iter"
	"net/netip"
	"time"

	"synscope/probe"
)

// Schema names the version of the JSON lines. It changes when a field changes
// its name, type or meaning, not when one is added.
const Schema = "synscope/1"

// Record is one line of the JSON lines. The implementations are the records
// of this package, always pointers: [*Run], [*Port], [*Summary].
type Record interface {
	// Type is the value of the record's first field, "type".
	Type() string
	// fields hands every field that is present to w, in the record's order.
	fields(w fieldWriter)
}

// fieldWriter receives the fields of one record. It keeps none of the values.
type fieldWriter interface {
	str(name, value string)
	addr(name string, value netip.Addr)
	uint(name string, value uint64)
	nanoseconds(name string, value time.Duration)
	float(name string, value float64)
	bool(name string, value bool)
	time(name string, value time.Time)
	strs(name string, values []string)
	counts(name string, values iter.Seq2[string, uint64])
	findings(name string, values []probe.Finding)
	durations(name string, values []time.Duration)
	object(name string, fields func(w fieldWriter))
	objects(name string, n int, fields func(w fieldWriter, i int))
}

// Maybe is a value that may not have been measured. The zero Maybe is absent:
// it is left out of every output, whereas Some(0) is written as 0.
type Maybe[T any] struct {
	value   T
	present bool
}

// Some is a value that was measured.
func Some[T any](v T) Maybe[T] { return Maybe[T]{v, true} }

// Get returns the value and whether there is one.
func (m Maybe[T]) Get() (T, bool) { return m.value, m.present }

// IsZero reports absence; encoding/json's omitzero asks for it.
func (m Maybe[T]) IsZero() bool { return !m.present }

// MarshalJSON writes the value, or null where there is none.
func (m Maybe[T]) MarshalJSON() ([]byte, error) {
	if !m.present {
		return []byte("null"), nil
	}
	return json.Marshal(m.value)
}

// UnmarshalJSON reads a value; null is absence.
func (m *Maybe[T]) UnmarshalJSON(b []byte) error {
	*m = Maybe[T]{}
	if string(b) == "null" {
		return nil
	}
	m.present = true
	return json.Unmarshal(b, &m.value)
}

// uintField writes an unsigned field where it is present.
func uintField[T ~uint8 | ~uint16 | ~uint32 | ~uint64](w fieldWriter, name string, m Maybe[T]) {
	if v, ok := m.Get(); ok {
		w.uint(name, uint64(v))
	}
}

// boolField writes a boolean field where it is present.
func boolField(w fieldWriter, name string, m Maybe[bool]) {
	if v, ok := m.Get(); ok {
		w.bool(name, v)
	}
}

// momentField writes a time where there is one.
func momentField(w fieldWriter, name string, t time.Time) {
	if !t.IsZero() {
		w.time(name, t)
	}
}

// strField writes a string field where it is not empty.
func strField(w fieldWriter, name, value string) {
	if value != "" {
		w.str(name, value)
	}
}
