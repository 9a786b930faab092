package record

import (
	"time"

	"synscope/probe"
)

// Interrupted is the Fault of a run that the user has ended.
const Interrupted = "interrupted"

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

func (r *Reading) Fields(w FieldWriter) {
	r.Summary.Fields(w)
	strField(w, "format", r.Format)
	w.Uint("packets", r.Packets)
	w.Uint("connections", r.Connections)
	w.Uint("duplicates", r.Duplicates)
	w.Uint("underway", r.Underway)
	w.Uint("midstream", r.Midstream)
	if r.Unwanted > 0 {
		w.Uint("unwanted", r.Unwanted)
	}
	w.Uint("evicted", r.Evicted)
	w.Uint("gaps", r.Gaps)
	w.Uint("gap_bytes", r.GapBytes)
	w.Uint("incomplete", r.Incomplete)
	w.Float("capture_loss", r.Loss)
	strField(w, "remark", r.Remark)
	strField(w, "fault", r.Fault)
}
