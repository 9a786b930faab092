package explain

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// WriteText writes entries for people to read on a terminal of so many columns.
func WriteText(w io.Writer, entries []Entry, columns int) error {
	var b strings.Builder
	for i, e := range entries {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s (%s)\n", e.Word, e.Kind)
		for _, part := range e.parts() {
			for _, line := range wrapped(part, columns-4) {
				b.WriteString("    " + line + "\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// parts are what there is to say of an entry, a paragraph each.
func (e Entry) parts() []string {
	parts := []string{e.Means}
	for _, p := range []struct{ heading, text string }{
		{"Concluded from: ", e.Seen}, {"What to do: ", e.Do}, {"See: ", e.See},
	} {
		if p.text != "" {
			parts = append(parts, p.heading+p.text)
		}
	}
	return parts
}

// WriteList writes one line for each entry, by kind, or more where columns ask for it.
func WriteList(w io.Writer, entries []Entry, columns int) error {
	var b strings.Builder
	kind := Kind("")
	for _, e := range entries {
		if e.Kind != kind {
			if kind != "" {
				b.WriteByte('\n')
			}
			kind = e.Kind
			b.WriteString(strings.ToUpper(string(kind)) + "\n")
		}
		b.WriteString(listed(e, columns))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// listed is an entry in a list, its meaning beside its word, or below it where there is
// no room for both.
func listed(e Entry, columns int) string {
	const beside, least, indent = 29, 20, 6
	if columns < beside+least {
		below := "\n" + strings.Repeat(" ", indent)
		return "  " + e.Word + below + strings.Join(wrapped(e.Means, columns-indent), below) + "\n"
	}
	below := "\n" + strings.Repeat(" ", beside)
	word := fmt.Sprintf("  %-25s  ", e.Word)
	if len(word) > beside {
		word = "  " + e.Word + below
	}
	return word + strings.Join(wrapped(e.Means, columns-beside), below) + "\n"
}

// Markdown is the whole table as a page of documentation.
func Markdown() []byte {
	var b strings.Builder
	b.WriteString("# What the words mean\n\nEvery word that a record can hold, as `synscope explain WORD` tells it. This page is made\n" +
		"by `go test ./internal/explain -update` from the table in `internal/explain`.\n")
	kind := Kind("")
	for _, e := range All() {
		if e.Kind != kind {
			kind = e.Kind
			fmt.Fprintf(&b, "\n## %s\n\n| word | means | concluded from | what to do | see |\n| --- | --- | --- | --- | --- |\n", headings[kind])
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", cell(e.Word), cell(e.Means), cell(e.Seen), cell(e.Do), cell(e.See))
	}
	return []byte(b.String())
}

// headings of the kinds.
var headings = map[Kind]string{
	State: "States: what a port or host is", Reason: "Reasons: what a state rests on", Finding: "Findings: what was remarkable",
	Class: "Classes: how sequence numbers are chosen", Flag: "Flags: what happened while they were sampled",
	Close: "Closes: how a connection ended", Doubt: "Doubts: why a time was not counted",
	Rejection: "Rejections: why a packet counted for nothing", Ending: "Endings: why a captured connection was followed no further",
	Hop: "Hops: what answered on the way", Cause: "Causes: what `why` ends with", Experiment: "Experiments: what `why` makes",
	Severity: "Severities: how much a finding matters", Connection: "Connection states: where an end of a connection is", Clock: "Clocks: what took a time",
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// wrapped is a text in lines of up to so many characters.
func wrapped(text string, wide int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > wide {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
