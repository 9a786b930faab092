package text

import (
	"fmt"

	"synscope/internal/report/sink"
	"synscope/probe"
)

// UseColour decides whether text gets colours: mode is the word of --color,
// noColor the value of the environment's NO_COLOR (https://no-color.org), and
// terminal says whether the output is one.
func UseColour(mode, noColor string, terminal bool) (sink.Paint, error) {
	switch mode {
	case "always":
		return sink.Coloured, nil
	case "never":
		return sink.Plain, nil
	case "auto", "":
		return sink.Paint(terminal && noColor == ""), nil
	}
	return sink.Plain, fmt.Errorf("unknown colour mode %q: want auto, always or never", mode)
}

// style is an ECMA-48 "select graphic rendition" parameter (§8.3.117).
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// painter colours text, or leaves it alone: its zero value does the latter.
type painter struct{ on sink.Paint }

func (p painter) paint(s style, text string) string {
	if !p.on || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func stateStyle(s probe.State) style {
	switch s {
	case probe.StateOpen:
		return green
	case probe.StateRefused:
		return red
	case probe.StateFiltered, probe.StateOpenFiltered:
		return yellow
	case probe.StateUnfiltered:
		return cyan
	}
	return plain
}

func severityStyle(s probe.Severity) style {
	switch s {
	case probe.SeverityWarning:
		return red
	case probe.SeverityNotice:
		return yellow
	}
	return dim
}
