package report

import (
	"time"

	"synscope/probe"
)

// Reading closes a run that read a capture: the record "summary", with what the
// file held besides.
type Reading struct {
	Summary
	Format      string // "pcap" or "pcapng"
	Packets     uint64
	Connections uint64
	Duplicates  uint64 // packets seen at another place before
	Underway    uint64 // TCP packets of connections that began before the capture
	First, Last time.Time
	Fault       string // why reading ended early; "" if it did not
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
	strField(w, "fault", r.Fault)
}

func (r *Reading) text(t *textSink) []string {
	if t.o.Quiet || r.Packets == 0 && r.Fault != "" {
		return nil
	}
	found := t.foundWords(&r.Summary)
	if found == "" {
		found = "nothing to tell"
	}
	lines := []string{"", countOf(r.Connections, "connection attempt") + " in " + countOf(r.Packets, "packet") + ": " + found}
	tail := countOf(r.Retransmitted, "retransmission")
	if !r.First.IsZero() {
		tail += " in " + Duration(r.Last.Sub(r.First)) + " of capture"
	}
	if r.Duplicates > 0 {
		tail += ", " + countOf(r.Duplicates, "packet") + " seen twice"
	}
	if r.Underway > 0 {
		tail += ", " + countOf(r.Underway, "packet") + " of connections that began earlier"
	}
	lines = append(lines, tail+"; read in "+Duration(r.Took))
	if rejected := countWords(r.rejections()); rejected != "" {
		lines = append(lines, "not followed: "+printable(rejected))
	}
	return append(lines, r.warnings(t)...)
}

func (r *Reading) warnings(t *textSink) (lines []string) {
	warn := func(text string) {
		lines = append(lines, t.paint.paint(severityStyle(probe.SeverityWarning), "warning")+": "+text)
	}
	if r.KernelDrops > 0 {
		warn("the capture lost " + countOf(r.KernelDrops, "packet") + ": what seems missing may have been there")
	}
	if r.Fault != "" {
		warn("not read to the end: " + printable(r.Fault))
	}
	return lines
}
