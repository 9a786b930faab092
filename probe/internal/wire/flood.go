package wire

import "synscope/netraw"

// Flood tells packets of strangers from answers of ours that come too fast. A run that slowed down
// for a flood would take as long as the senders like, and lose as much.
type Flood struct {
	came uint64 // packets by the last look, read or dropped
	sent uint64 // of ours, in the time before it
}

// NewFlood begins where the counters of a network stand: what came before is no flood.
func NewFlood(base netraw.Stats) Flood { return Flood{came: came(base)} }

func came(s netraw.Stats) uint64 { return s.Received + s.KernelDrops }

// Packets are a flood if there are more than floodShare times as many as were sent, in this
// interval or the one before, and more than floodLeast.
const (
	floodShare = 8
	floodLeast = 1000
)

// Look tells whether what came since the last look was a flood; sent is how many
// packets of ours left in that time.
func (f *Flood) Look(s netraw.Stats, sent uint64) bool {
	now := came(s)
	since := now - min(f.came, now)
	most := max(sent, f.sent)
	f.came, f.sent = now, sent
	return since > max(floodShare*most, floodLeast)
}
