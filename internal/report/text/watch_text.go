package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/units"
)

// Widths of a watch's table: what is left of a line belongs to the host, up to a
// length that few names have, and then to the history.
const (
	sparkLeast = 10
	watchTime  = 7
	hopWide    = 3 + 1
	leastHost  = 15
	mostHost   = 48
)

// watchColumn is a column of the table behind the host; the lower its rank, the
// longer it stays where a terminal is narrow.
type watchColumn struct {
	name string
	wide int
	rank int
}

var watchColumns = []watchColumn{
	{"loss", 7, 0}, {"sent", 6, 3}, {"last", watchTime, 2}, {"best", watchTime, 5},
	{"mean", watchTime, 1}, {"worst", watchTime, 4}, {"dev", watchTime, 7}, {"history", 1 + sparkLeast, 6},
}

// WatchTable is the table of a watch, for lines of so many columns: hops with loss,
// probes, last, best, mean and worst time, deviation, and what the last rounds gave.
// The least important of these are left out where there is no room for all. A host
// that does not fit stands on a line of its own.
func WatchTable(hops []*record.HopSummary, columns int, colour sink.Paint) []string {
	t := newWatchTable(columns, colour)
	head := map[string]string{"host": "host"}
	for _, c := range t.shown {
		head[c.name] = c.name
	}
	lines := []string{t.paint.paint(dim, t.row("hop", head))}
	for _, h := range hops {
		lines = append(lines, t.hop(h)...)
	}
	if slices.ContainsFunc(hops, func(h *record.HopSummary) bool { return h.Limited }) {
		lines = append(lines, t.paint.paint(dim, t.within("    (%) is no loss on the way: the hop answers seldom, those behind it lose less")))
	}
	return lines
}

type watchTable struct {
	paint   painter
	columns int
	host    int
	spark   int
	shown   []watchColumn
}

// newWatchTable lays the table out.
func newWatchTable(columns int, colour sink.Paint) *watchTable {
	t := &watchTable{paint: painter{colour}, columns: columns, spark: sparkLeast}
	room := columns - hopWide - leastHost
	for rank := range watchColumns {
		i := slices.IndexFunc(watchColumns, func(c watchColumn) bool { return c.rank == rank })
		if c := watchColumns[i]; c.wide <= room {
			room -= c.wide
			t.shown = append(t.shown, c)
			continue
		}
		break
	}
	slices.SortFunc(t.shown, func(a, b watchColumn) int { return slices.Index(watchColumns, a) - slices.Index(watchColumns, b) })
	t.host = max(leastHost+room, 1)
	if spare := t.host - mostHost; spare > 0 && len(t.shown) == len(watchColumns) {
		t.host, t.spark = mostHost, t.spark+spare
	}
	return t
}

func (t *watchTable) row(hop string, cells map[string]string) string {
	line := fmt.Sprintf("%3s %s", hop, units.Padded(cells["host"], t.host))
	for _, c := range t.shown {
		if c.name == "history" {
			line += " " + cells[c.name]
			continue
		}
		line += fmt.Sprintf("%*s", c.wide, cells[c.name])
	}
	return line
}

// hop is one line, or more where its host is too long or several answered.
func (t *watchTable) hop(h *record.HopSummary) (lines []string) {
	host := hostOfHop(h)
	ttl := strconv.Itoa(h.TTL)
	if utf8.RuneCountInString(host) > t.host {
		lines = append(lines, t.within(fmt.Sprintf("%3s %s", ttl, host)))
		ttl, host = "", ""
	}
	cells := map[string]string{"host": host, "sent": strconv.FormatUint(h.Sent, 10), "last": short(h.Last), "history": sparkline(h.Recent, t.spark)}
	if h.Sent > 0 {
		cells["loss"] = strconv.FormatFloat(100*h.Loss, 'f', 1, 64) + "%"
	}
	if h.Limited {
		cells["loss"] = "(" + cells["loss"] + ")"
	}
	if h.Measured > 0 {
		cells["best"], cells["mean"], cells["worst"] = short(h.Min), short(h.Mean), short(h.Max)
	}
	if h.Measured > 1 {
		cells["dev"] = short(h.StdDev)
	}
	line := strings.TrimRight(t.row(ttl, cells), " ")
	if loss := cells["loss"]; h.Lost > 0 && h.Received > 0 && !h.Limited {
		line = strings.Replace(line, loss, t.paint.paint(yellow, loss), 1)
	}
	lines = append(lines, line)
	for _, a := range h.Others {
		lines = append(lines, t.paint.paint(dim, t.within("    also "+a.String())))
	}
	return lines
}

// within is a text as far as a line holds it.
func (t *watchTable) within(text string) string {
	if letters := []rune(text); len(letters) > t.columns {
		return string(letters[:max(t.columns-1, 0)]) + "…"
	}
	return text
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

// sparkline shows the last rounds, as many as there is room for: a bar from the quickest of them to the slowest,
// and × for what was lost.
func sparkline(recent []record.Beat, wide int) string {
	recent = recent[max(0, len(recent)-wide):]
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
