package report

import (
	"fmt"
	"time"

	"synscope/probe"
)

// Reading closes a run that read captures: the record "summary", with what the
// files held besides.
type Reading struct {
	Summary
	Format      string // "pcap" or "pcapng", or both
	Packets     uint64
	Connections uint64
	Duplicates  uint64 // packets captured twice
	Underway    uint64 // TCP packets of connections that began before the capture
	Midstream   uint64 // those connections
	Unwanted    uint64 // packets of connections that were not asked for
	Evicted     uint64 // connections forgotten before they were over, for lack of room
	Gaps        uint64 // holes in numbers that were acknowledged and not captured
	GapBytes    uint64
	Incomplete  uint64  // connections with one
	Loss        float64 // share of segments that are known to be missing, from 0 to 1
	First, Last time.Time
	Fault       string // why reading ended early; "" if it did not
	Remark      string // what was left out, where that is no fault; "" none
}

// Count adds a connection to the totals.
func (r *Reading) Count(c *Connection) {
	if r.States == nil {
		r.States = map[probe.State]uint64{}
	}
	r.Connections++
	r.States[c.State]++
	r.Probes++
	r.Retransmitted += uint64(c.Captured.ClientRetransmission + c.Captured.ServerRetransmission)
}

func (r *Reading) fields(w fieldWriter) {
	r.Summary.fields(w)
	strField(w, "format", r.Format)
	w.uint("packets", r.Packets)
	w.uint("connections", r.Connections)
	w.uint("duplicates", r.Duplicates)
	w.uint("underway", r.Underway)
	w.uint("midstream", r.Midstream)
	if r.Unwanted > 0 {
		w.uint("unwanted", r.Unwanted)
	}
	w.uint("evicted", r.Evicted)
	w.uint("gaps", r.Gaps)
	w.uint("gap_bytes", r.GapBytes)
	w.uint("incomplete", r.Incomplete)
	w.float("capture_loss", r.Loss)
	strField(w, "remark", r.Remark)
	strField(w, "fault", r.Fault)
}

func (r *Reading) text(t *captureText) []string {
	if t.o.Quiet || r.Packets == 0 && r.Fault != "" {
		return nil
	}
	found := t.foundWords(&r.Summary)
	if found == "" {
		found = "nothing to tell"
	}
	lines := []string{"", countOf(r.Connections, "connection attempt") + " in " + countOf(r.Packets, "packet") + ": " + found}
	lines = append(lines, r.tail())
	if rejected := countWords(r.rejections()); rejected != "" {
		lines = append(lines, "not followed: "+printable(rejected))
	}
	lines = append(lines, t.folds.lines()...)
	if r.Remark != "" {
		lines = append(lines, "left out: "+printable(r.Remark))
	}
	lines = append(lines, r.trust()...)
	return append(lines, r.warnings(t.textSink)...)
}

func (r *Reading) tail() string {
	tail := countOf(r.Retransmitted, "retransmission")
	if !r.First.IsZero() {
		tail += " in " + Duration(r.Last.Sub(r.First)) + " of capture"
	}
	if r.Duplicates > 0 {
		tail += ", " + countOf(r.Duplicates, "packet") + " captured twice"
	}
	if r.Midstream > 0 {
		tail += ", " + countOf(r.Underway, "packet") + " of " + countOf(r.Midstream, "connection") + " that began earlier"
	}
	if r.Unwanted > 0 {
		tail += ", " + countOf(r.Unwanted, "packet") + " filtered out"
	}
	return tail + "; read in " + Duration(r.Took)
}

// trust says how far a capture can be believed about what it does not have.
func (r *Reading) trust() []string {
	if r.Gaps == 0 {
		return nil
	}
	return []string{fmt.Sprintf(
		"the capture has gaps: of %s, %s acknowledged and not captured (%s, %.2g %% of the segments with data, SYN or FIN); "+
			"what seems missing may have been there",
		countOf(r.Incomplete, "connection"), countOf(r.Gaps, "stretch")+" "+wasOrWere(r.Gaps), countOf(r.GapBytes, "byte"), 100*r.Loss)}
}

func (r *Reading) warnings(t *textSink) (lines []string) {
	warn := func(text string) {
		lines = append(lines, t.paint.paint(severityStyle(probe.SeverityWarning), "warning")+": "+text)
	}
	if r.KernelDrops > 0 {
		warn("the capture lost " + countOf(r.KernelDrops, "packet") + ": what seems missing may have been there")
	}
	if r.Evicted > 0 {
		warn(countOf(r.Evicted, "connection") + " had to be forgotten before the end, since too many were under way: nothing is concluded about those")
	}
	if r.Fault != "" {
		warn("not read to the end: " + printable(r.Fault))
	}
	return lines
}
