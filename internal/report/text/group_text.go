package text

import (
	"fmt"
	"strings"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// The columns of a table of groups.
var groupColumns = []struct {
	name string
	wide int
}{
	{"ATTEMPTS", 8}, {"OPEN", 7}, {"REFUSED", 7}, {"UNANSWERED", 10}, {"OTHER", 7}, {"RESET", 6}, {"AGAIN", 6},
	{"RTT P50", 9}, {"P95", 9}, {"P99", 9},
}

func groupText(g *record.Group, t *textSink) (lines []string) {
	cells := []string{
		units.Count(g.Attempts), groupPercent(g, g.Open), groupPercent(g, g.Refused), groupPercent(g, g.Unanswered), groupPercent(g, g.Other),
		units.Count(g.Resets), units.Count(g.Repeated), groupTrip(g, 50), groupTrip(g, 95), groupTrip(g, 99),
	}
	heads := make([]string, len(cells))
	for i, column := range groupColumns {
		heads[i], cells[i] = leftPadded(column.name, column.wide), leftPadded(cells[i], column.wide)
	}
	const wide = len("[2001:db8:1234:5678:9abc:def0:1234:5678]:65535")
	if !t.headed {
		t.headed = true
		lines = append(lines, t.paint.paint(dim, units.Padded(strings.ToUpper(g.By), wide)+"  "+strings.Join(heads, "  ")))
	}
	return append(lines, units.Padded(g.Key, wide)+"  "+strings.Join(cells, "  "))
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
