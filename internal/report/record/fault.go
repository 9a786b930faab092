package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"synscope/internal/report/units"
)

// Fault says why a line could not be decoded into a record, a pointer to a struct: which
// field is wrong, and how. err is what the decoder said; it does not name the field where
// that has a decoder of its own.
func Fault(line []byte, record any, err error) error {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(line, &fields) != nil {
		return Wording(err)
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		alone, _ := json.Marshal(map[string]json.RawMessage{name: fields[name]})
		if err := json.Unmarshal(alone, reflect.New(reflect.TypeOf(record).Elem()).Interface()); err != nil {
			return fieldFault(name, err)
		}
	}
	return Wording(err)
}

// fieldFault is what is wrong with a field of which the decoder said err.
func fieldFault(name string, err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &wrong):
		return fmt.Errorf("%q: %w", units.Shortened(name, longestValue), Wording(err))
	case wrong.Field == "":
		return fmt.Errorf("%q cannot be %s", units.Shortened(name, longestValue), withArticle(units.Shortened(wrong.Value, longestValue)))
	}
	return Wording(err)
}
