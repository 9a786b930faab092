package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// Widths of a watch's table: what is left of a line belongs to the host.
const (
	sparkWide  = 10
	watchTime  = 7
	watchFixed = 3 + 1 + 7 + 6 + 5*watchTime + 1 + sparkWide
	leastHost  = 15
)

// WatchTable is the table of a watch, for lines of so many columns: hops with loss,
// probes, last, best, mean and worst time, deviation, and what the last rounds gave.
// A host that does not fit stands on a line of its own.
func WatchTable(hops []*record.HopSummary, columns int, colour bool) []string {
	t := watchTable{paint: painter{colour}, host: max(columns-watchFixed, leastHost)}
	lines := []string{t.paint.paint(dim, t.row("hop", "host", "loss", "sent",
		[]string{"last", "best", "mean", "worst", "dev"}, "history"))}
	for _, h := range hops {
		lines = append(lines, t.hop(h)...)
	}
	return lines
}

type watchTable struct {
	paint painter
	host  int
}

func (t *watchTable) row(hop, host, loss, sent string, times []string, history string) string {
	line := fmt.Sprintf("%3s %s%7s%6s", hop, units.Padded(host, t.host), loss, sent)
	for _, v := range times {
		line += fmt.Sprintf("%*s", watchTime, v)
	}
	return line + " " + history
}

// hop is one line, or more where its host is too long or several answered.
func (t *watchTable) hop(h *record.HopSummary) (lines []string) {
	host := hostOfHop(h)
	ttl := strconv.Itoa(h.TTL)
	if utf8.RuneCountInString(host) > t.host {
		lines = append(lines, fmt.Sprintf("%3s %s", ttl, host))
		ttl, host = "", ""
	}
	loss := ""
	if h.Sent > 0 {
		loss = strconv.FormatFloat(100*h.Loss, 'f', 1, 64) + "%"
	}
	times := []string{short(h.Last), "", "", "", ""}
	if h.Measured > 0 {
		times = []string{short(h.Last), short(h.Min), short(h.Mean), short(h.Max), ""}
	}
	if h.Measured > 1 {
		times[4] = short(h.StdDev)
	}
	line := t.row(ttl, host, loss, strconv.FormatUint(h.Sent, 10), times, sparkline(h.Recent))
	if h.Lost > 0 && h.Received > 0 {
		line = strings.Replace(line, loss, t.paint.paint(yellow, loss), 1)
	}
	lines = append(lines, strings.TrimRight(line, " "))
	for _, a := range h.Others {
		lines = append(lines, "    "+t.paint.paint(dim, "also "+a.String()))
	}
	return lines
}

func hostOfHop(h *record.HopSummary) string {
	switch {
	case !h.Addr.IsValid():
		return "*"
	case h.Name != "":
		return units.Printable(h.Name)
	}
	return h.Addr.String()
}

// short is a duration in six columns at most; nothing where there is none.
func short(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strings.ReplaceAll(units.Duration(d), " ", "")
}

// sparks of a sparkline, the lowest first.
var sparks = []rune("▁▂▃▄▅▆▇█")

// sparkline shows the last rounds: a bar from the quickest of them to the slowest,
// and × for what was lost.
func sparkline(recent []record.Beat) string {
	recent = recent[max(0, len(recent)-sparkWide):]
	low, high := time.Duration(0), time.Duration(0)
	for _, b := range recent {
		if b.RTT > 0 && (low == 0 || b.RTT < low) {
			low = b.RTT
		}
		high = max(high, b.RTT)
	}
	var line strings.Builder
	for _, b := range recent {
		line.WriteRune(beat(b, low, high))
	}
	return line.String()
}

// beat is one round. Times within a tenth of each other are level: noise has no shape.
func beat(b record.Beat, low, high time.Duration) rune {
	switch {
	case b.Lost:
		return '×'
	case b.RTT == 0:
		return '?'
	case high-low < high/10:
		return sparks[0]
	}
	return sparks[int(float64(b.RTT-low)/float64(high-low)*float64(len(sparks)-1)+0.5)]
}
