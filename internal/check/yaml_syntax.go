package check

import (
	"strings"
	"unicode/utf8"
)

// blame finds where a line went wrong and says what to do, for the mistakes that are made
// most; of others it repeats what the YAML parser says. The column counts characters.
func blame(line, said string) (column int, why string) {
	for _, m := range []func(line, said string) (at int, why string){tabbed, doubleColon, unclosed, misplaced} {
		if at, why := m(line, said); why != "" {
			return utf8.RuneCountInString(line[:at]) + 1, why
		}
	}
	return utf8.RuneCountInString(line[:indent(line)]) + 1, said
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// tabbed is a line that is indented by tabs.
func tabbed(line, _ string) (at int, why string) {
	at = strings.IndexByte(line[:indent(line)], '\t')
	if at < 0 {
		return 0, ""
	}
	return at, "a tab: lines are indented by spaces"
}

// doubleColon is a value that holds what would begin another.
func doubleColon(line, said string) (at int, why string) {
	if !strings.Contains(said, "mapping values are not allowed") {
		return 0, ""
	}
	key := strings.Index(line, ": ")
	again := strings.Index(line[key+1:], ": ")
	if key < 0 || again < 0 {
		return indent(line), "this line cannot belong to the one above: a colon is followed by a space, in each line"
	}
	return key + 1 + again, "a colon and a space within a value: put the value in quotes"
}

// unclosed is a quotation or a bracket without its end.
func unclosed(line, said string) (at int, why string) {
	if !strings.Contains(said, "unexpected end of stream") && !strings.Contains(said, "did not find expected ',' or") && !strings.Contains(said, "did not find expected node content") {
		return 0, ""
	}
	for _, pair := range []string{`""`, "''", "[]", "{}"} {
		opened, closed := strings.IndexByte(line, pair[0]), strings.LastIndexByte(line, pair[1])
		if opened >= 0 && closed <= opened {
			return opened, "what begins with " + pair[:1] + " has no end: " + pair[1:] + " is missing"
		}
	}
	return 0, ""
}

// misplaced is a line whose indentation fits no line above.
func misplaced(line, said string) (at int, why string) {
	if !strings.Contains(said, "did not find expected '-' indicator") && !strings.Contains(said, "did not find expected key") {
		return 0, ""
	}
	return indent(line), "this line is indented like none that it could belong to"
}
