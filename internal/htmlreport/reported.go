package htmlreport

import (
	"strings"

	"synscope/internal/report/record"
	"synscope/probe"
)

// Reported are the runs as records, for who only wants to know what was read.
func (r *Report) Reported() (list []*record.Reported) {
	for _, one := range r.runs {
		t := &record.Reported{
			File: one.file, Of: one.head.Command, Start: one.head.Start, Cut: one.cut, Records: one.records, Unknown: one.unknown,
			Hosts: uint64(len(one.hosts)), Complete: one.cut == "" && (one.alone || one.summary != nil && one.summary.Complete),
		}
		for _, s := range one.hosts {
			t.Open += s.counts[probe.StateOpen]
		}
		for _, f := range one.found {
			if f.Severity > probe.SeverityInfo {
				t.Findings++
			}
		}
		list = append(list, t)
	}
	return list
}

// LeftOut says what of the files is not on the page, a line each.
func (r *Report) LeftOut() (lines []string) {
	for _, one := range r.runs {
		for _, note := range one.leftOut() {
			lines = append(lines, one.file+": "+strings.TrimSuffix(note, "."))
		}
	}
	for _, note := range r.shown.notes() {
		lines = append(lines, strings.TrimSuffix(note, "."))
	}
	return lines
}
