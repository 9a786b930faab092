package text

import (
	"strings"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// rttColumn is a column of [RTTTable], and when it goes where there is no room: the
// highest first, 0 never.
type rttColumn struct {
	name string
	wide int
	goes int
	cell func(*record.RTTSummary) string
}

var rttColumns = []rttColumn{
	{"SENT", 8, 5, func(r *record.RTTSummary) string { return units.Count(r.Sent) }},
	{"LOSS", 7, 0, lossCell},
	{"LAST", 9, 3, func(r *record.RTTSummary) string { return timeCell(r, r.Last) }},
	{"MEAN", 9, 6, func(r *record.RTTSummary) string { return timeCell(r, r.Mean) }},
	{"P50", 9, 0, func(r *record.RTTSummary) string { return timeCell(r, r.P50) }},
	{"P95", 9, 2, func(r *record.RTTSummary) string { return timeCell(r, r.P95) }},
	{"MAX", 9, 4, func(r *record.RTTSummary) string { return timeCell(r, r.Max) }},
	{"JITTER", 9, 7, jitterCell},
}

// rttStateWide is the column of states, which goes before the percentiles do.
const rttStateWide = len("filtered")

// RTTTable is one line a target, under the names of the columns, with those columns
// that so many of a terminal have room for; 0 has room for all.
func RTTTable(rows []*record.RTTSummary, columns int) []string {
	return rttTable(rows, painter{}, columns)
}

func rttTable(rows []*record.RTTSummary, paint painter, columns int) []string {
	wide := len("TARGET")
	for _, r := range rows {
		wide = max(wide, utf8.RuneCountInString(hostPort(r.Target, r.Addr, r.Port)))
	}
	shown, states := rttShown(columns, wide)
	head := units.Padded("TARGET", wide)
	if states {
		head += "  " + units.Padded("STATE", rttStateWide)
	}
	for _, c := range shown {
		head += " " + leftPadded(c.name, c.wide)
	}
	lines := []string{paint.paint(dim, head)}
	for _, r := range rows {
		line := units.Padded(hostPort(r.Target, r.Addr, r.Port), wide)
		if states {
			line += "  " + paint.paint(stateStyle(r.State), r.State.String()) + strings.Repeat(" ", max(0, rttStateWide-len(r.State.String())))
		}
		for _, c := range shown {
			cell := leftPadded(c.cell(r), c.wide)
			if c.name == "LOSS" && r.Loss > 0 {
				cell = paint.paint(yellow, cell)
			}
			line += " " + cell
		}
		lines = append(lines, line)
	}
	return lines
}

// rttShown are the columns that there is room for beside targets of a width, and
// whether that is so of the states.
func rttShown(columns, target int) (shown []rttColumn, states bool) {
	for least := 8; ; least-- {
		room := target
		if states = least > 1; states {
			room += 2 + rttStateWide
		}
		shown = nil
		for _, c := range rttColumns {
			if c.goes < least {
				shown = append(shown, c)
				room += 1 + c.wide
			}
		}
		if columns == 0 || room <= columns || least == 1 {
			return shown, states
		}
	}
}

func lossCell(r *record.RTTSummary) string {
	if r.Sent == 0 {
		return "-"
	}
	return units.Percent(r.Loss)
}

func timeCell(r *record.RTTSummary, d time.Duration) string {
	if r.Measured == 0 || d <= 0 {
		return "-"
	}
	return units.Duration(d)
}

func jitterCell(r *record.RTTSummary) string {
	if !r.Varied() {
		return "-"
	}
	return units.Duration(r.Jitter)
}
