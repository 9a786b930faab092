package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"synscope/internal/report/units"
)

// Bounds of what is repeated of a stranger's file, in characters.
const (
	longestValue = 40
	longestFault = 200
)

// Wording says what is wrong with a record that was read, in words of its user: an
// error of encoding/json without the names of this program's types.
func Wording(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%q cannot be %s", field(wrong.Field), withArticle(units.Shortened(wrong.Value, longestValue)))
	case errors.As(err, &wrong):
		return fmt.Errorf("it is a JSON %s and no object", wrong.Value)
	}
	return errors.New(units.Printable(strings.TrimPrefix(units.Shortened(err.Error(), longestFault), "json: ")))
}

// field is the path to a field, as the record has it: types of this program that it
// leads through begin with a capital letter.
func field(path string) string {
	for {
		first, rest, more := strings.Cut(path, ".")
		if r, _ := utf8.DecodeRuneInString(first); !more || first != "" && !unicode.IsUpper(r) {
			return strings.ToLower(path)
		}
		path = rest
	}
}

func withArticle(value string) string {
	if value == "array" || value == "object" {
		return "an " + value
	}
	return "a " + value
}
