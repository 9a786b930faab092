package text

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe/rtt"
)

func watched(addr string, lost int, times ...time.Duration) *record.HopSummary {
	s := rtt.NewSeries(rtt.Precise)
	h := &record.HopSummary{TTL: 7}
	for range lost {
		s.Lost()
		h.Recent = append(h.Recent, record.Beat{Lost: true})
	}
	for _, d := range times {
		s.Add(d)
		h.Last = d
		h.Recent = append(h.Recent, record.Beat{RTT: d})
	}
	if addr != "" {
		h.Addr = netip.MustParseAddr(addr)
	}
	h.Summary = s.Summary()
	return h
}

func TestWatchTable(t *testing.T) {
	const ms = time.Millisecond
	long := watched("2001:db8:1111:2222:3333:4444:5555:6666", 0, 1234*ms, 1300*ms)
	long.Others = []netip.Addr{netip.MustParseAddr("2001:db8::1")}
	lines := WatchTable([]*record.HopSummary{
		watched("192.0.2.1", 1, 10*ms, 20*ms, 15*ms), watched("", 3), long,
		watched("198.51.100.100", 0, 999*time.Microsecond, 100*time.Second),
	}, 80, false)
	want := []string{
		"hop host                loss  sent   last   best   mean  worst    dev history",
		"  7 192.0.2.1          25.0%     4 15.0ms 10.0ms 15.0ms 20.0ms  5.0ms ×▁█▅",
		"  7 *                 100.0%     3                                     ×××",
		"  7 2001:db8:1111:2222:3333:4444:5555:6666",
		"                       0.0%     2   1.3s   1.2s   1.3s   1.3s 46.7ms ▁▁",
		"    also 2001:db8::1",
	}
	for i, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %q", n, line)
		}
		if i < len(want) && strings.Join(strings.Fields(line), " ") != strings.Join(strings.Fields(want[i]), " ") {
			t.Errorf("%q\nwant %q", line, want[i])
		}
	}
	if len(lines) != 7 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	for _, line := range WatchTable([]*record.HopSummary{long}, 120, sink.Plain) {
		if strings.Contains(line, "6666") && !strings.Contains(line, "0.0%") {
			t.Errorf("a wide terminal has room for both: %q", line)
		}
	}
}

// The table fits whatever the terminal: what matters least goes first, and a wide
// one shows more of the past.
func TestWatchTableFits(t *testing.T) {
	var times []time.Duration
	for i := range 100 {
		times = append(times, time.Duration(10+i%7)*time.Millisecond)
	}
	hop := watched("192.0.2.100", 1, times...)
	hop.Others = []netip.Addr{netip.MustParseAddr("2001:db8:1111:2222:3333:4444:5555:6666")}
	for columns, want := range map[int]string{
		20: "hop host", 30: "hop host loss", 39: "hop host loss mean", 48: "hop host loss sent last mean", 60: "hop host loss sent last best mean worst", 55: "hop host loss sent last mean worst",
		79: "hop host loss sent last best mean worst dev history", 159: "hop host loss sent last best mean worst dev history",
	} {
		lines := WatchTable([]*record.HopSummary{hop}, columns, sink.Plain)
		if got := strings.Join(strings.Fields(lines[0]), " "); got != want {
			t.Errorf("%d columns: %q, want %q", columns, got, want)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > columns {
				t.Errorf("%d of %d columns: %q", n, columns, line)
			}
		}
	}
	if line := WatchTable([]*record.HopSummary{hop}, 159, sink.Plain)[1]; strings.Count(line, "▁") < 3 || utf8.RuneCountInString(line) < 120 {
		t.Errorf("little history: %q", line)
	}
}

// Loss at a hop behind which less is lost is shown as what it is.
func TestWatchTableOfALimitedHop(t *testing.T) {
	h := watched("192.0.2.1", 3, time.Millisecond)
	h.Limited = true
	lines := WatchTable([]*record.HopSummary{h, watched("192.0.2.2", 0, time.Millisecond)}, 80, sink.Coloured)
	if !strings.Contains(lines[1], "(75.0%)") || len(lines) != 4 || !strings.Contains(lines[3], "answers seldom") {
		t.Errorf("%q", lines)
	}
}
