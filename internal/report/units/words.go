package units

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Padded fills s up with spaces to a width in characters.
func Padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// Printable keeps what came from outside from commanding the terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// Plural is a number with the word for one or for many: "1 probe", "2 probes".
func Plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Likely is a probability in words: what is never quite certain is not said to be.
func Likely(p float64) string {
	switch {
	case p > 0.995:
		return "over 99 %"
	case p < 0.005:
		return "under 1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*p)
}
