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

// Commanding tells of a character that does something to what shows it in place of being
// shown: controls (C0, DEL and C1, which command a terminal), those of bidirectional text
// (UAX 9), which turn the order of what follows round, and U+2028 and U+2029, which end a
// line in JavaScript.
func Commanding(r rune) bool {
	return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
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

// Shortened is a stranger's text, no longer than n characters.
func Shortened(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
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
