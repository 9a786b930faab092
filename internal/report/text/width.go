package text

import (
	"strings"
	"unicode/utf8"
)

// narrowest is the width below which lines are broken by the terminal: there is
// nothing to be won by columns.
const narrowest = 40

// limit is the width that lines must fit, 0 where there is none.
func (t *textSink) limit() int {
	if t.o.Wide < narrowest {
		return 0
	}
	return t.o.Wide
}

// prose is the width at which running text breaks: that of the terminal, as far as
// such lines are easy to read.
func (t *textSink) prose(otherwise int) int {
	if limit := t.limit(); limit > 0 {
		return min(limit, 110)
	}
	return otherwise
}

// fits tells whether so many columns have room.
func (t *textSink) fits(columns int) bool { return t.limit() == 0 || columns <= t.limit() }

// folded breaks a line that is wider than so many columns between words. What goes
// on stands below the line's text, two columns further in. A word that is wider
// than that is left to the terminal. A number keeps its unit, and a short remark in
// parentheses stays whole.
func folded(line string, wide int) (lines []string) {
	if wide == 0 || seen(line) <= wide {
		return []string{line}
	}
	indent := hanging(line, wide)
	now, used, empty := "", 0, true
	for _, word := range unbroken(strings.Split(line, " ")) {
		length := seen(word)
		switch {
		case empty && now == "": // blanks that the line begins with are words of no length
			now, used = word, length
		case used+1+length <= wide || strings.TrimSpace(now) == "":
			now, used = now+" "+word, used+1+length
		case length == 0:
			continue // of several blanks at the end
		default:
			lines = append(lines, now)
			now, used = strings.Repeat(" ", indent)+word, indent+length
		}
		empty = false
	}
	return append(lines, now)
}

// mostTogether is how wide words are at most between which no line is broken.
const mostTogether = 24

// unbroken are words, and as one those that belong together.
func unbroken(words []string) (pieces []string) {
	for len(words) > 0 {
		n := together(words)
		pieces = append(pieces, strings.Join(words[:n], " "))
		words = words[n:]
	}
	return pieces
}

// together is how many of the words at the beginning are not parted.
func together(words []string) int {
	switch first := withoutColour(words[0]); {
	case strings.HasPrefix(first, "(") && !strings.Contains(first, ")"):
		for n := 2; n <= len(words) && seen(strings.Join(words[:n], " ")) <= mostTogether; n++ {
			if strings.Contains(words[n-1], ")") {
				return n
			}
		}
	case len(words) > 1 && isNumber(first) && isUnit(withoutColour(words[1])):
		return 2
	}
	return 1
}

func isNumber(word string) bool {
	digits := strings.TrimLeft(strings.TrimPrefix(word, "time="), "(-+")
	return digits != "" && strings.Trim(digits, "0123456789.,") == ""
}

func isUnit(word string) bool {
	switch strings.TrimRight(word, ".,;:)]") {
	case "ns", "µs", "ms", "s", "m", "h", "d", "%", "pps", "bits", "MiB", "Mbit/s":
		return true
	}
	return false
}

// hanging is where the second line of a folded one begins: below what follows its
// label, where there is one, or else two columns into its own text.
func hanging(line string, wide int) int {
	plain := withoutColour(line)
	text := len(plain) - len(strings.TrimLeft(plain, " "))
	label := strings.Index(plain[text:], "  ")
	if label > 0 && !strings.Contains(plain[text:text+label], ": ") {
		rest := plain[text+label:]
		at := utf8.RuneCountInString(plain[:text+label]) + len(rest) - len(strings.TrimLeft(rest, " "))
		if at <= wide/3 {
			return at
		}
	}
	return min(text+2, wide/2)
}

// seen is how many columns a line takes on a terminal.
func seen(line string) int { return utf8.RuneCountInString(withoutColour(line)) }

// withoutColour leaves out what colours a line (ECMA-48 SGR).
func withoutColour(line string) string {
	before, rest, coloured := strings.Cut(line, "\x1b[")
	if !coloured {
		return line
	}
	var b strings.Builder
	for b.WriteString(before); coloured; {
		_, rest, _ = strings.Cut(rest, "m")
		before, rest, coloured = strings.Cut(rest, "\x1b[")
		b.WriteString(before)
	}
	return b.String()
}

// cell is a part of a row: its text, how wide its column is, and when that goes
// where a terminal has no room for it: the highest first, 0 never.
type cell struct {
	text string // padded already, for it may be coloured
	wide int
	goes int
}

// row joins the cells that there is room for.
func (t *textSink) row(cells []cell) string {
	return strings.Join(kept(cells, t.limit()), "  ")
}

// kept are the texts of the cells that fit so many columns; 0 has room for all.
func kept(cells []cell, columns int) (texts []string) {
	most := 0
	for _, c := range cells {
		most = max(most, c.goes)
	}
	for ; ; most-- {
		room := -2
		texts = nil
		for _, c := range cells {
			if c.goes <= most {
				texts, room = append(texts, c.text), room+2+c.wide
			}
		}
		if columns == 0 || room <= columns || most <= 0 {
			return texts
		}
	}
}
