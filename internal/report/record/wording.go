package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
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
	if value, ok := noAddress(err); ok {
		return fmt.Errorf("%q is no address", units.Shortened(value, longestValue))
	}
	if moment := (*time.ParseError)(nil); errors.As(err, &moment) {
		return fmt.Errorf("%q is no time: want one such as 2026-01-31T15:04:05Z", units.Shortened(units.Printable(strings.Trim(moment.Value, `"`)), longestValue))
	}
	text := strings.TrimPrefix(units.Shortened(err.Error(), longestFault), "json: ")
	if _, why, ours := strings.Cut(text, ".UnmarshalJSON: "); ours { // of a type of Go's
		text = why
	}
	return errors.New(units.Printable(text))
}

// ErrorWords is an error of the network in the words of its user, who knows no packages
// of this program.
func ErrorWords(err error) string { return strings.ReplaceAll(err.Error(), "netraw: ", "") }

// noAddress is the text that was to be an address, where err is of [netip.ParseAddr],
// which has no type of its own for that: what it says of that text is the same.
func noAddress(err error) (text string, ok bool) {
	rest, ok := strings.CutPrefix(err.Error(), "ParseAddr(")
	quoted, notQuoted := strconv.QuotedPrefix(rest)
	if !ok || notQuoted != nil {
		return "", false
	}
	text, _ = strconv.Unquote(quoted)
	_, same := netip.ParseAddr(text)
	return text, same != nil && same.Error() == err.Error()
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
