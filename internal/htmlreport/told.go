package htmlreport

import (
	"synscope/internal/report/record"
	"synscope/probe"
)

// Told are the runs as records, for who only wants to know what was read.
func (r *Report) Told() (list []*record.Reported) {
	for _, one := range r.runs {
		t := &record.Reported{
			File: one.file, Of: one.head.Command, Start: one.head.Start, Cut: one.cut, Records: one.records,
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
