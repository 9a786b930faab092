package report

import (
	"fmt"
	"math"
	"strings"

	"synscope/probe/isn"
)

// comparison writes how the best models stand to each other.
func (r *ISN) comparison(w fieldWriter) {
	rep := &r.Report
	if rep.RunnerUp != isn.ClassUnknown {
		w.str("runner_up", rep.RunnerUp.String())
		w.float("bits_between", tenth(rep.BitsBetween))
	}
	if len(rep.Standings) == 0 {
		return
	}
	w.objects("standings", len(rep.Standings), func(w fieldWriter, i int) {
		s := rep.Standings[i]
		w.str("class", s.Class.String())
		w.str("model", s.Model)
		w.float("bits", tenth(s.Bits))
	})
}

// evidence writes what is shown of each factor, and what of each series is
// explained.
func (r *ISN) evidence(w fieldWriter) {
	rep := &r.Report
	if len(rep.Factors) > 0 {
		w.objects("factors", len(rep.Factors), func(w fieldWriter, i int) {
			f := rep.Factors[i]
			w.str("name", f.Name)
			w.uint("levels", uint64(f.Levels))
			w.str("effect", f.Effect.String())
			w.float("bits", tenth(f.Bits))
		})
	}
	if len(rep.Series) == 0 {
		return
	}
	w.objects("series", len(rep.Series), func(w fieldWriter, i int) {
		s := rep.Series[i]
		strField(w, "name", s.Name)
		w.uint("samples", uint64(s.Samples))
		w.strs("varied", s.Varied)
		w.uint("offsets", uint64(s.Offsets))
		w.uint("explained", uint64(s.Explained))
		w.uint("unexplained", uint64(s.Unexplained))
		w.uint("repeated", uint64(s.Repeated))
	})
}

// tenth rounds bits to a tenth: more would say more than they mean.
func tenth(bits float64) float64 { return math.Round(10*bits) / 10 }

// evidenceTable is what the samples are, series by series, and what the best model
// makes of them.
func (t *isnText) evidenceTable(rep *isn.Report) []string {
	if len(rep.Series) == 0 {
		return nil
	}
	rows := [][]string{{"series", "samples", "varied", "set an offset", "explained", "not explained"}}
	for _, s := range rep.Series {
		name := printable(s.Name)
		if name == "" {
			name = "-"
		}
		varied := strings.ReplaceAll(strings.Join(s.Varied, ", "), "client_isn", "our ISN")
		if varied == "" {
			varied = "nothing"
		}
		rows = append(rows, []string{name, Count(uint64(s.Samples)), varied, Count(uint64(s.Offsets)), Count(uint64(s.Explained)), unexplained(s)})
	}
	lines := []string{""}
	for i, row := range aligned(rows) {
		if i == 0 {
			row = t.paint.paint(dim, row)
		}
		lines = append(lines, "  "+row)
	}
	return lines
}

// unexplained counts the numbers that no model explains, and beside them those of
// half-open connections that answered again.
func unexplained(s isn.Series) string {
	if s.Repeated == 0 {
		return Count(uint64(s.Unexplained))
	}
	return fmt.Sprintf("%s, %s repeated", Count(uint64(s.Unexplained)), Count(uint64(s.Repeated)))
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
			line += padded(cell, wide[i]+2)
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
