package text

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
	"synscope/probe/handshake"
	"synscope/probe/rtt"
)

func TestFolded(t *testing.T) {
	for _, c := range []struct {
		line string
		wide int
		want string
	}{
		{"short", 40, "short"},
		{"no limit at all however long the line may be that is to be written", 0, "no limit at all however long the line may be that is to be written"},
		{"one two three four five six", 14, "one two three\n  four five\n  six"},
		{"  info code: a text of some words", 20, "  info code: a text\n    of some words"},
		{"  label   what is said of it here, and more", 34, "  label   what is said of it here,\n          and more"},
		{"\x1b[31mred words\x1b[0m here and there", 17, "\x1b[31mred words\x1b[0m here\n  and there"},
		{"averyveryverylongword and more", 10, "averyveryverylongword\n  and more"},
		{"1,234 of 5,678", 14, "1,234 of 5,678"},
		{"jitter 1.1 µs (kernel clock)", 22, "jitter 1.1 µs\n  (kernel clock)"},
		{"at most 5.0 ms: 42.9 µs", 12, "at most\n  5.0 ms:\n  42.9 µs"},
		{"n=1 ttl=64 time=21.1 µs", 21, "n=1 ttl=64\n  time=21.1 µs"},
		{"one (of several remarks that are long) two", 16, "one (of several\n  remarks that\n  are long) two"},
		{"of 3 ports", 5, "of 3\n  ports"},
		{"µµµµ µµµµ µµµµ", 9, "µµµµ µµµµ\n  µµµµ"},
	} {
		if got := strings.Join(folded(c.line, c.wide), "\n"); got != c.want {
			t.Errorf("%q in %d columns:\n%s\nwant\n%s", c.line, c.wide, got, c.want)
		}
	}
}

// otherBlank tells a blank that is none between words.
func otherBlank(r rune) bool { return unicode.IsSpace(r) && r != ' ' }

// Folding loses no word, and no line is wider than it may be unless a word is.
func FuzzFolded(f *testing.F) {
	f.Add("  label  some words \x1b[1mthat are\x1b[0m bold", 20)
	f.Fuzz(func(t *testing.T, line string, wide int) {
		if wide < narrowest || wide > 300 || strings.ContainsFunc(line, unicode.IsControl) || strings.ContainsFunc(line, otherBlank) {
			return // what comes from outside is made printable before
		}
		lines := folded(line, wide)
		if got, want := strings.Join(strings.Fields(strings.Join(lines, " ")), " "), strings.Join(strings.Fields(line), " "); got != want {
			t.Errorf("%q became %q", want, got)
		}
		for _, l := range lines {
			if seen(l) > wide && len(strings.Fields(l)) > 1 && strings.TrimLeft(l, " ") == l {
				t.Errorf("%q is wider than %d", l, wide)
			}
		}
	})
}

// The more columns a terminal has the more a table tells, and it never tells more
// than it has room for; losses and the median go last.
func TestRTTTableByWidth(t *testing.T) {
	series := rtt.NewSeries(rtt.Precise)
	for i := range 20 {
		series.Add(time.Duration(20+i) * time.Millisecond)
	}
	series.Lost()
	rows := []*record.RTTSummary{{Target: "host.example", Addr: netip.MustParseAddr("192.0.2.7"), Port: 443, State: probe.StateOpen, Last: time.Millisecond, Summary: series.Summary()}}
	last := 0
	for columns := 60; columns <= 160; columns++ {
		lines := RTTTable(rows, columns)
		for _, line := range lines {
			if seen(line) > columns {
				t.Errorf("%d columns in %d: %q", seen(line), columns, line)
			}
		}
		names := len(strings.Fields(lines[0]))
		if names < last || !strings.Contains(lines[0], "LOSS") || !strings.Contains(lines[0], "P50") {
			t.Errorf("in %d columns: %s", columns, lines[0])
		}
		last = names
	}
	if all := RTTTable(rows, 0)[0]; len(strings.Fields(all)) != 10 || last != 10 {
		t.Errorf("%q, and %d in 160 columns", all, last)
	}
}

// A table of groups, and one of connections, fit 60 columns.
func TestTablesOfCapturesByWidth(t *testing.T) {
	for _, columns := range []int{60, 80, 140} {
		var out strings.Builder
		s := New(sink.NewLineWriter(&out, "out"), sink.Options{Wide: columns})
		c := &record.Connection{Captured: &record.Captured{}, Result: handshake.Result{State: probe.StateOpen, Source: netip.MustParseAddrPort("10.255.255.255:65535"), Target: netip.MustParseAddrPort("10.0.0.1:443")}}
		c.Captured.SYNToAnswer = record.Some(99900 * time.Microsecond)
		for _, r := range []record.Record{&record.Run{Command: "read"}, c} {
			if err := s.Record(r); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		g := New(sink.NewLineWriter(&out, "out"), sink.Options{Wide: columns})
		for _, r := range []record.Record{&record.Run{Command: "read"}, &record.Group{By: "server", Key: "255.255.255.255:65535", Attempts: 10, Open: 10}} {
			if err := g.Record(r); err != nil {
				t.Fatal(err)
			}
		}
		g.Close()
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if seen(line) > columns || strings.HasPrefix(line, " ") && columns == 60 {
				t.Errorf("in %d columns:\n%s", columns, out.String())
				break
			}
		}
	}
}
