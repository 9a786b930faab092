package record

import (
	"net/netip"
	"time"

	"synscope/probe"
	"synscope/probe/ping"
	"synscope/probe/rtt"
)

// RTT is one probe of a ping. Sent and what follows it are absent where nothing was
// seen to fill them.
type RTT struct {
	Target     string               `json:"target"`
	Addr       netip.Addr           `json:"addr"`
	Port       uint16               `json:"port"`
	N          uint64               `json:"n"` // from 1
	Attempt    int                  `json:"attempt"`
	State      probe.State          `json:"state"`
	Reason     probe.Reason         `json:"reason"`
	Before     Maybe[probe.State]   `json:"supersedes,omitzero"` // of an earlier record of the same probe
	Sent       time.Time            `json:"sent,omitzero"`       // zero: it did not leave
	Seen       time.Time            `json:"-"`                   // when it ended, for text
	RTT        Maybe[time.Duration] `json:"rtt_ns,omitzero"`
	Clock      string               `json:"rtt_clock,omitempty"` // of RTT
	Doubt      string               `json:"doubt,omitempty"`     // why RTT enters no statistic
	SourcePort Maybe[uint16]        `json:"sport,omitzero"`
	TTL        Maybe[uint8]         `json:"ttl,omitzero"`
	Responder  netip.Addr           `json:"responder,omitzero"`
	ICMPType   Maybe[uint8]         `json:"icmp_type,omitzero"`
	ICMPCode   Maybe[uint8]         `json:"icmp_code,omitzero"`
	Repeats    Maybe[uint64]        `json:"syn_retransmits,omitzero"` // with the same numbers, which came to nothing
	Error      string               `json:"error,omitempty"`
	Stamps     string               `json:"stamps,omitempty"` // "hardware" or "software", where hardware's were asked for
	Findings   []probe.Finding      `json:"findings,omitempty"`
}

// NewRTT makes the record of a sample of target, the word that the user typed;
// the address stands in for an empty one.
func NewRTT(target string, s *ping.Sample) *RTT {
	r := &RTT{
		Target: target, Addr: s.Target.Addr(), Port: s.Target.Port(),
		N: s.N, Attempt: s.Attempt, State: s.State, Reason: s.Reason, Sent: s.Sent,
		Doubt: string(s.Doubt), Responder: s.Responder, Findings: s.Findings,
	}
	if target == "" {
		r.Target = r.Addr.String()
	}
	if s.Supersedes != probe.StateUnknown {
		r.Before = Some(s.Supersedes)
	}
	if s.RTT > 0 {
		r.RTT, r.Clock = Some(s.RTT), s.Clock.String()
	}
	if s.SourcePort != 0 {
		r.SourcePort = Some(s.SourcePort)
	}
	if s.TTL != 0 {
		r.TTL = Some(s.TTL)
	}
	if s.ICMP != nil {
		r.ICMPType, r.ICMPCode = Some(s.ICMP.Type), Some(s.ICMP.Code)
	}
	if s.Repeats > 0 {
		r.Repeats = Some(uint64(s.Repeats))
	}
	if s.Err != nil {
		r.Error = ErrorWords(s.Err)
	}
	return r
}

// Type is "rtt".
func (*RTT) Type() string { return "rtt" }

// RTTColumns are the fields of an RTT record in their order, present or not.
func RTTColumns() []string {
	return []string{
		"target", "addr", "port", "n", "attempt", "state", "reason", "supersedes", "sent", "rtt_ns", "rtt_clock",
		"doubt", "sport", "ttl", "responder", "icmp_type", "icmp_code", "syn_retransmits", "error", "stamps", "findings",
	}
}

func (r *RTT) Fields(w FieldWriter) {
	w.Str("target", r.Target)
	w.Addr("addr", r.Addr)
	w.Uint("port", uint64(r.Port))
	w.Uint("n", r.N)
	w.Uint("attempt", uint64(r.Attempt))
	w.Str("state", r.State.String())
	w.Str("reason", string(r.Reason))
	if before, ok := r.Before.Get(); ok {
		w.Str("supersedes", before.String())
	}
	momentField(w, "sent", r.Sent)
	durationField(w, "rtt_ns", r.RTT)
	strField(w, "rtt_clock", r.Clock)
	strField(w, "doubt", r.Doubt)
	uintField(w, "sport", r.SourcePort)
	uintField(w, "ttl", r.TTL)
	addrField(w, "responder", r.Responder)
	uintField(w, "icmp_type", r.ICMPType)
	uintField(w, "icmp_code", r.ICMPCode)
	uintField(w, "syn_retransmits", r.Repeats)
	strField(w, "error", r.Error)
	strField(w, "stamps", r.Stamps)
	findingsField(w, "findings", r.Findings)
}

// RTTSummary is all the probes of one target.
type RTTSummary struct {
	Target string
	Addr   netip.Addr
	Port   uint16
	State  probe.State // of the latest probe
	Clock  string      // of the times; "" where there are none
	Last   time.Duration
	rtt.Summary
	Vain     uint64        // of those sent, SYNs that were lost before the same was answered when it came again
	Unsent   uint64        // probes that this machine could not send, beside Sent
	Late     uint64        // of those lost, which the port answered after their timeout
	Hardware Maybe[uint64] // times between two stamps of hardware, where those were asked for
	Bars     []rtt.Bar     // for text; nil: not asked for
	Split    *RTTSplit     // nil: not asked for
	Losses   Losses
}

// RTTSplit tells how much the way there and the way back vary, each by itself,
// by a clock that the far end's sequence numbers show. Without samples there is
// no such clock.
type RTTSplit struct {
	Samples     int
	There, Back time.Duration // robust standard deviations
	ClockHz     float64
}

// Type is "rtt_summary".
func (*RTTSummary) Type() string { return "rtt_summary" }

func (r *RTTSummary) Fields(w FieldWriter) {
	w.Str("target", r.Target)
	w.Addr("addr", r.Addr)
	w.Uint("port", uint64(r.Port))
	w.Uint("sent", r.Sent)
	w.Uint("received", r.Received)
	w.Uint("lost", r.Lost)
	if r.Sent > 0 {
		w.Float("loss", r.Loss)
	}
	if r.Vain > 0 {
		w.Uint("syn_retransmits", r.Vain)
	}
	if r.Unsent > 0 {
		w.Uint("unsent", r.Unsent)
	}
	if r.Late > 0 {
		w.Uint("late", r.Late)
	}
	if r.Received > r.Measured {
		w.Uint("unmeasured", r.Received-r.Measured)
	}
	r.Losses.fields(w)
	if r.Measured == 0 {
		return
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"min_ns", r.Min}, {"mean_ns", r.Mean}, {"p50_ns", r.P50}, {"p90_ns", r.P90}, {"p95_ns", r.P95},
		{"p99_ns", r.P99}, {"max_ns", r.Max},
	} {
		w.Nanoseconds(f.name, f.value)
	}
	if r.Varied() {
		w.Nanoseconds("stddev_ns", r.StdDev)
		w.Nanoseconds("jitter_ns", r.Jitter)
	}
	w.Str("rtt_clock", r.Clock)
	uintField(w, "hardware_stamps", r.Hardware)
	if r.Split != nil && r.Split.Samples > 0 {
		w.Nanoseconds("jitter_there_ns", r.Split.There)
		w.Nanoseconds("jitter_back_ns", r.Split.Back)
		w.Float("clock_hz", r.Split.ClockHz)
	}
}

// Varied tells whether there are enough times to say how they vary: of one,
// the zero deviation and jitter of the series stand for nothing.
func (r *RTTSummary) Varied() bool { return r.Measured > 1 }

// RTTComparison says whether two targets differ.
type RTTComparison struct {
	A, B string // the targets, as the user typed them
	rtt.Comparison
}

// Type is "rtt_comparison".
func (*RTTComparison) Type() string { return "rtt_comparison" }

func (c *RTTComparison) Fields(w FieldWriter) {
	w.Str("a", c.A)
	w.Str("b", c.B)
	w.Uint("n_a", c.NA)
	w.Uint("n_b", c.NB)
	w.Nanoseconds("shift_ns", c.Shift)
	w.Float("superiority", c.Superiority)
	w.Float("cliffs_delta", c.Delta)
	w.Str("effect", c.Effect())
	w.Float("p", c.P)
	w.Bool("differ", c.Differ())
}
