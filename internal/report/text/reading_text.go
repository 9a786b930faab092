package text

import (
	"cmp"
	"fmt"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe"
)

func readingText(r *record.Reading, t *captureText) []string {
	if t.o.Quiet || r.Packets == 0 && r.Fault != "" && r.Fault != record.Interrupted {
		return nil
	}
	found := cmp.Or(t.foundWords(&r.Summary), "nothing to tell")
	lines := []string{"", units.CountOf(r.Connections, "connection attempt") + " in " + units.CountOf(r.Packets, "packet") + ": " + found}
	lines = append(lines, readingTail(r))
	if rejected := countWords(r.Rejections()); rejected != "" {
		lines = append(lines, "not followed: "+units.Printable(rejected))
	}
	lines = append(lines, t.folds.lines()...)
	if r.Remark != "" {
		lines = append(lines, "left out: "+units.Printable(r.Remark))
	}
	lines = append(lines, readingTrust(r)...)
	return append(lines, readingWarnings(r, t.textSink)...)
}

func readingTail(r *record.Reading) string {
	tail := units.CountOf(r.Retransmitted, "retransmission")
	if !r.First.IsZero() {
		tail += " in " + units.Duration(r.Last.Sub(r.First)) + " of capture"
	}
	if r.Duplicates > 0 {
		tail += ", " + units.CountOf(r.Duplicates, "packet") + " captured twice"
	}
	if r.Midstream > 0 {
		tail += ", " + units.CountOf(r.Underway, "packet") + " of " + units.CountOf(r.Midstream, "connection") + " that began earlier"
	}
	if r.Unwanted > 0 {
		tail += ", " + units.CountOf(r.Unwanted, "packet") + " filtered out"
	}
	return tail + "; read in " + units.Duration(r.Took)
}

// readingTrust says how far a capture can be believed about what it does not have.
func readingTrust(r *record.Reading) []string {
	if r.Gaps == 0 {
		return nil
	}
	return []string{fmt.Sprintf(
		"the capture lacks what must have been there: %s in %s, missing SYNs and SYN-ACKs included (%s, %.2g %% of the segments with data, SYN or FIN); "+
			"what else seems missing may have been there too",
		units.CountOf(r.Gaps, "gap"), units.CountOf(r.Incomplete, "connection"), units.CountOf(r.GapBytes, "byte"), 100*r.Loss)}
}

func readingWarnings(r *record.Reading, t *textSink) (lines []string) {
	warn := func(text string) {
		lines = append(lines, t.paint.paint(severityStyle(probe.SeverityWarning), "warning")+": "+text)
	}
	if r.KernelDrops > 0 {
		warn("the capture lost " + units.CountOf(r.KernelDrops, "packet") + ": what seems missing may have been there")
	}
	if r.Evicted > 0 {
		warn(units.CountOf(r.Evicted, "connection") + " had to be forgotten before the end, since too many were under way: nothing is concluded about those")
	}
	if r.Fault != "" {
		warn("not read to the end: " + units.Printable(r.Fault))
	}
	return lines
}
