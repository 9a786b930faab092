package screen

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"synscope/probe"
)

// terminal is a model of one line editing terminal: it knows what of ECMA-48
// the screen uses, and wraps nothing.
type terminal struct {
	above []string // lines that were ended
	line  string   // the line of the cursor
}

func (t *terminal) Write(b []byte) (int, error) {
	text := string(b)
	for text != "" {
		switch {
		case strings.HasPrefix(text, clearLine):
			t.line, text = "", text[len(clearLine):]
		case text[0] == '\n':
			t.above, t.line, text = append(t.above, t.line), "", text[1:]
		default:
			t.line, text = t.line+text[:1], text[1:]
		}
	}
	return len(b), nil
}

func TestProgressStaysBelowResults(t *testing.T) {
	var term terminal
	screen := NewScreen(&term)
	results := screen.Above(&term)
	fmt.Fprintln(results, "one")
	screen.Show("10 %")
	fmt.Fprintln(results, "two")
	if term.line != "10 %" {
		t.Errorf("progress after a result: %q", term.line)
	}
	screen.Show("2 %")
	fmt.Fprint(results, "three\nfour\n")
	screen.Show("")
	fmt.Fprintln(results, "five")
	if got := strings.Join(term.above, " "); got != "one two three four five" || term.line != "" {
		t.Errorf("results %q, then %q", got, term.line)
	}
}

func TestProgressLine(t *testing.T) {
	now := probe.Progress{
		Done: 12345, Total: 65535, Sent: 20000, Received: 2345, KernelDrops: 1,
		RateAsked: 10e3, RateAchieved: 9870, Elapsed: 1500 * time.Millisecond, Left: 5400 * time.Millisecond,
	}
	unknown := probe.Progress{Done: 1, RateAsked: math.Inf(1), RateAchieved: 1.25e6, Received: 1}
	almost := probe.Progress{Done: 99_999, Total: 100_000}
	tests := []struct {
		name  string
		now   probe.Progress
		width int
		want  string
	}{
		{"wide", now, 200, "18.8 % · 5.4 s left · 9.87k pps of 10k · 2,345 replies · 1 drop · 12,345 ports · 1.5 s"},
		{"usual", now, 0, "18.8 % · 5.4 s left · 9.87k pps of 10k · 2,345 replies · 1 drop · 12,345 ports"},
		{"exactly too narrow", now, 19, "18.8 %"},
		{"just wide enough", now, 20, "18.8 % · 5.4 s left"},
		{"no room at all", now, 3, ""},
		{"total unknown", unknown, 0, "1 port done · 1.25M pps of max · 1 reply · 0 drops · 1 port · 0 ns"},
		{"not done until done", almost, 10, "99.9 %"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var term terminal
			p := Progress{Screen: NewScreen(&term), Width: func() int { return test.width }}
			p.Update(test.now)
			if term.line != test.want {
				t.Errorf("got  %q\nwant %q", term.line, test.want)
			}
			p.Done()
			if term.line != "" {
				t.Errorf("%q remains", term.line)
			}
		})
	}
}
