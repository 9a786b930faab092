package text

import (
	"fmt"
	"strings"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// The columns of a table of groups, and when they go where there is no room.
var groupColumns = []struct {
	name string
	wide int
	goes int
}{
	{"ATTEMPTS", 8, 0}, {"OPEN", 7, 0}, {"REFUSED", 7, 0}, {"NO ANSWER", 9, 0}, {"OTHER", 7, 5}, {"RESET", 6, 4}, {"RETRANS", 8, 3},
	{"RTT P50", 9, 1}, {"P95", 9, 2}, {"P99", 9, 6},
}

func groupText(g *record.Group, t *textSink) (lines []string) {
	cells := []string{
		units.Count(g.Attempts), groupPercent(g, g.Open), groupPercent(g, g.Refused), groupPercent(g, g.Unanswered), groupPercent(g, g.Other),
		units.Count(g.Resets), units.Count(g.Repeated), groupTrip(g, 50), groupTrip(g, 95), groupTrip(g, 99),
	}
	wide := len("[2001:db8:1234:5678:9abc:def0:1234:5678]:65535")
	if t.limit() > 0 && t.limit() < 140 {
		wide = len("255.255.255.255:65535")
	}
	heads, row := []cell{{units.Padded(strings.ToUpper(g.By), wide), wide, 0}}, []cell{{units.Padded(g.Key, wide), wide, 0}}
	for i, column := range groupColumns {
		heads = append(heads, cell{leftPadded(column.name, column.wide), column.wide, column.goes})
		row = append(row, cell{leftPadded(cells[i], column.wide), column.wide, column.goes})
	}
	if !t.headed {
		t.headed = true
		lines = append(lines, t.paint.paint(dim, t.row(heads)))
	}
	return append(lines, t.row(row))
}

// groupPercent is a share of the attempts, "-" for none.
func groupPercent(g *record.Group, n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*g.Share(n))
}

func groupTrip(g *record.Group, p float64) string {
	if g.Trips.N() == 0 {
		return "-"
	}
	return units.Duration(g.Trips.Percentile(p))
}
