package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"synscope/internal/report/units"
	"synscope/probe/isn"
)

// evidenceTable is what the samples are, series by series, and what the best model
// makes of them.
func (t *isnText) evidenceTable(rep *isn.Report) []string {
	if len(rep.Series) == 0 {
		return nil
	}
	rows := [][]string{{"series", "samples", "varied", "offsets", "explained", "not explained"}}
	for _, s := range rep.Series {
		name := cmp.Or(units.Printable(s.Name), "-")
		varied := cmp.Or(strings.ReplaceAll(strings.Join(s.Varied, ", "), "client_isn", "our ISN"), "nothing")
		rows = append(rows, []string{name, units.Count(uint64(s.Samples)), varied, units.Count(uint64(s.Offsets)), units.Count(uint64(s.Explained)), unexplained(s)})
	}
	lines := []string{""}
	for i, row := range aligned(t.narrowed(rows)) {
		if i == 0 {
			row = t.paint.paint(dim, row)
		}
		lines = append(lines, "  "+row)
	}
	return lines
}

// narrowed leaves out the columns of the evidence that there is no room for: what varied
// first, then the offsets, then how many there were.
func (t *isnText) narrowed(rows [][]string) [][]string {
	for _, gone := range []string{"varied", "offsets", "samples"} {
		if t.fits(2 + seen(aligned(rows)[0])) {
			break
		}
		at := slices.Index(rows[0], gone)
		for i := range rows {
			rows[i] = slices.Delete(rows[i], at, at+1)
		}
	}
	return rows
}

// unexplained counts the numbers that no model explains, and beside them those of
// half-open connections that answered again.
func unexplained(s isn.Series) string {
	if s.Repeated == 0 {
		return units.Count(uint64(s.Unexplained))
	}
	return fmt.Sprintf("%s, %s repeated", units.Count(uint64(s.Unexplained)), units.Count(uint64(s.Repeated)))
}

// aligned pads the cells of a table, two blanks between columns.
func aligned(rows [][]string) (lines []string) {
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += units.Padded(cell, wide[i]+2)
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// shownOf says which factors move the numbers, which do not, and of which these
// samples do not tell.
func shownOf(rep *isn.Report) string {
	var parts []string
	for _, effect := range []isn.Effect{isn.Moves, isn.DoesNotMove, isn.NotSaid} {
		var names []string
		for _, f := range rep.Factors {
			if f.Effect == effect {
				names = append(names, strings.ReplaceAll(f.Name, "client_isn", "our ISN"))
			}
		}
		if len(names) > 0 {
			parts = append(parts, effectWords[effect]+strings.Join(names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}

var effectWords = map[isn.Effect]string{isn.Moves: "", isn.DoesNotMove: "not with ", isn.NotSaid: "not varied enough to say: "}
