package record

// Shard says which part of which plan a run works on. It follows [Run] where a
// run is a part: of a plan split over several machines, or one that another
// process goes on with. Outputs with equal Plan, Seed and Shards, one for each
// Shard from 1 to Shards and each Part from 1 on, are one scan.
type Shard struct {
	Plan      string `json:"plan"`      // a digest of targets, exclusions, ports and order
	Seed      uint64 `json:"seed"`      // of the order
	Shard     uint64 `json:"shard"`     // counted from 1
	Shards    uint64 `json:"shards"`    // in all
	Targets   uint64 `json:"targets"`   // of this shard
	Technique string `json:"technique"` // of the probes
	Probes    uint64 `json:"probes"`    // of each target, at most
	Part      uint64 `json:"part"`      // counted from 1: which of the processes that worked on the shard
	From      uint64 `json:"from"`      // the position in the shard's order at which this one began
}

// Type is "shard".
func (*Shard) Type() string { return "shard" }

func (s *Shard) Fields(w FieldWriter) {
	w.Str("plan", s.Plan)
	w.Uint("seed", s.Seed)
	w.Uint("shard", s.Shard)
	w.Uint("shards", s.Shards)
	w.Uint("targets", s.Targets)
	w.Str("technique", s.Technique)
	w.Uint("probes", s.Probes)
	w.Uint("part", s.Part)
	w.Uint("from", s.From)
}
