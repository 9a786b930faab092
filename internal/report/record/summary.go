package record

import (
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"synscope/probe"
)

// Summary closes every run that was not killed: what it did, and what it lost.
type Summary struct {
	End           time.Time              `json:"end"`
	Took          time.Duration          `json:"took_ns"`
	Complete      bool                   `json:"complete"`
	Probes        uint64                 `json:"probes"`
	Sent          uint64                 `json:"sent"`
	Retransmitted uint64                 `json:"retransmitted"`
	Resets        uint64                 `json:"resets"` // RSTs of our own, beside Sent
	SendErrors    uint64                 `json:"send_errors"`
	ResetsRefused Maybe[uint64]          `json:"resets_refused,omitzero"` // RSTs of our own that this machine's firewall refused: connections stay half open at the targets
	ResetsLost    Maybe[uint64]          `json:"resets_lost,omitzero"`    // RSTs of ours that seem not to have arrived: the SYN-ACK was retransmitted long after
	Storms        Maybe[uint64]          `json:"synack_storms,omitzero"`  // connections whose SYN was answered with more different numbers than a TCP chooses
	Received      uint64                 `json:"received"`
	Matched       uint64                 `json:"matched"`
	Rejected      map[string]uint64      `json:"rejected"`
	KernelDrops   uint64                 `json:"kernel_drops"`
	States        map[probe.State]uint64 `json:"states"`
	Rate          Maybe[float64]         `json:"rate_pps,omitzero"` // absent below two packets, and where nobody took the time

	Loss       Maybe[float64] `json:"loss,omitzero"`        // 0 to 1, of transmissions to ports that answer
	WentSilent Maybe[uint64]  `json:"went_silent,omitzero"` // ports that are unknown because their hosts answered nothing any more
	Confidence Maybe[float64] `json:"confidence,omitzero"`  // 0 to 1, of the ports that kept silent and have no records (stateless)

	// Where hosts were looked for first; those that are down were not probed.
	HostsUp      Maybe[uint64]           `json:"hosts_up,omitzero"`
	HostsDown    Maybe[uint64]           `json:"hosts_down,omitzero"`
	HostsUnknown Maybe[uint64]           `json:"hosts_unknown,omitzero"` // could not be asked
	Down         map[probe.Reason]uint64 `json:"down_reasons,omitempty"`
}

// NewSummary makes the record of a run that ended at end.
func NewSummary(s *probe.Summary, end time.Time) *Summary {
	r := &Summary{
		End:           end,
		Took:          s.Took,
		Complete:      s.Complete,
		Probes:        s.Probes,
		Sent:          s.Sent,
		Retransmitted: s.Retransmitted,
		Resets:        s.Resets,
		SendErrors:    s.SendErrors,
		Received:      s.Received,
		Matched:       s.Matched,
		Rejected:      s.Rejected,
		KernelDrops:   s.KernelDrops,
		States:        s.States,
	}
	if s.Sent > 1 && s.Rate > 0 && !math.IsInf(s.Rate, 0) {
		r.Rate = Some(s.Rate)
	}
	if share, ok := s.Loss.Share(); ok {
		r.Loss = Some(share)
	}
	if s.ResetsRefused > 0 {
		r.ResetsRefused = Some(s.ResetsRefused)
	}
	if s.ResetsLost > 0 {
		r.ResetsLost = Some(s.ResetsLost)
	}
	if s.Storms > 0 {
		r.Storms = Some(s.Storms)
	}
	if s.WentSilent > 0 {
		r.WentSilent = Some(s.WentSilent)
	}
	if s.Confidence > 0 {
		r.Confidence = Some(s.Confidence)
	}
	return r
}

// Traffic is what the summary counts of packets, and of ports whose hosts went silent,
// as engines count it, to be added up over the parts of a run.
func (s *Summary) Traffic() *probe.Summary {
	return &probe.Summary{
		Sent:          s.Sent,
		Retransmitted: s.Retransmitted,
		Resets:        s.Resets,
		SendErrors:    s.SendErrors,
		ResetsRefused: s.ResetsRefused.Value,
		ResetsLost:    s.ResetsLost.Value,
		Storms:        s.Storms.Value,
		Received:      s.Received,
		Matched:       s.Matched,
		Rejected:      s.Rejected,
		KernelDrops:   s.KernelDrops,
		WentSilent:    s.WentSilent.Value,
	}
}

// Type is "summary".
func (*Summary) Type() string { return "summary" }

func (s *Summary) Fields(w FieldWriter) {
	w.Time("end", s.End)
	w.Nanoseconds("took_ns", s.Took)
	w.Bool("complete", s.Complete)
	w.Uint("probes", s.Probes)
	w.Uint("sent", s.Sent)
	w.Uint("retransmitted", s.Retransmitted)
	w.Uint("resets", s.Resets)
	w.Uint("send_errors", s.SendErrors)
	uintField(w, "resets_refused", s.ResetsRefused)
	uintField(w, "resets_lost", s.ResetsLost)
	uintField(w, "synack_storms", s.Storms)
	w.Uint("received", s.Received)
	w.Uint("matched", s.Matched)
	w.Counts("rejected", s.Rejections())
	w.Uint("kernel_drops", s.KernelDrops)
	w.Counts("states", s.states())
	floatField(w, "rate_pps", s.Rate)
	floatField(w, "loss", s.Loss)
	uintField(w, "went_silent", s.WentSilent)
	floatField(w, "confidence", s.Confidence)
	uintField(w, "hosts_up", s.HostsUp)
	uintField(w, "hosts_down", s.HostsDown)
	uintField(w, "hosts_unknown", s.HostsUnknown)
	if len(s.Down) > 0 {
		w.Counts("down_reasons", s.downReasons())
	}
}

// states are the counts of states that occurred, the most telling first.
func (s *Summary) states() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, state := range probe.States() {
			if n, ok := s.States[state]; ok && !yield(state.String(), n) {
				return
			}
		}
	}
}

// downReasons are the counts of hosts that are down by reason, in the order of
// the alphabet.
func (s *Summary) downReasons() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, reason := range slices.Sorted(maps.Keys(s.Down)) {
			if !yield(string(reason), s.Down[reason]) {
				return
			}
		}
	}
}

// Rejections are the counts of rejected packets by reason, in the order of the
// alphabet.
func (s *Summary) Rejections() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, reason := range slices.Sorted(maps.Keys(s.Rejected)) {
			if !yield(reason, s.Rejected[reason]) {
				return
			}
		}
	}
}
