package record

import (
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// Port is what a scan learnt of one port. Fields after Attempts are absent
// where nothing was seen to fill them.
type Port struct {
	Time      time.Time            `json:"time,omitzero"` // of the answer, or of giving up
	Target    string               `json:"target"`        // what the user typed
	Addr      netip.Addr           `json:"addr"`          // what was probed
	Port      uint16               `json:"port"`
	State     probe.State          `json:"state"`
	Reason    probe.Reason         `json:"reason"`
	Before    Maybe[probe.State]   `json:"supersedes,omitzero"` // of an earlier record of the same port (stateless)
	Sure      Maybe[float64]       `json:"confidence,omitzero"` // 0 to 1, where silence decided
	Attempts  int                  `json:"attempts"`
	RTT       Maybe[time.Duration] `json:"rtt_ns,omitzero"`
	Clock     string               `json:"rtt_clock,omitempty"` // who took the stamps of RTT
	TTL       Maybe[uint8]         `json:"ttl,omitzero"`
	Window    Maybe[uint16]        `json:"window,omitzero"`
	MSS       Maybe[uint16]        `json:"mss,omitzero"`
	WScale    Maybe[uint8]         `json:"wscale,omitzero"`
	SACK      Maybe[bool]          `json:"sack,omitzero"` // absent unless a SYN answered: only a SYN may offer it
	TS        Maybe[bool]          `json:"ts,omitzero"`   // the same
	Seq       Maybe[craft.Seq]     `json:"seq,omitzero"`
	Ack       Maybe[craft.Seq]     `json:"ack,omitzero"` // absent where nothing was acknowledged
	Flags     string               `json:"flags,omitempty"`
	IPID      Maybe[uint16]        `json:"ip_id,omitzero"` // IPv4 only
	Responder netip.Addr           `json:"responder,omitzero"`
	ICMPType  Maybe[uint8]         `json:"icmp_type,omitzero"`
	ICMPCode  Maybe[uint8]         `json:"icmp_code,omitzero"`
	Findings  []probe.Finding      `json:"findings,omitempty"`
}

// NewPort makes the record of a verdict on a port of target, the word that the
// user typed; the address stands in for an empty one. An error of the verdict
// becomes a finding under the verdict's reason, so that the cause is in every
// output.
func NewPort(target string, v *probe.Verdict) *Port {
	p := new(Port)
	p.Fill(target, v)
	return p
}

// Fill is NewPort in place of what the record was.
func (p *Port) Fill(target string, v *probe.Verdict) {
	*p = Port{
		Time:      v.Time,
		Target:    target,
		Addr:      v.Target.Addr(),
		Port:      v.Target.Port(),
		State:     v.State,
		Reason:    v.Reason,
		Attempts:  v.Attempts,
		Responder: v.Responder,
		Findings:  v.Findings,
	}
	if target == "" {
		p.Target = p.Addr.String()
	}
	if v.Supersedes != probe.StateUnknown {
		p.Before = Some(v.Supersedes)
	}
	if v.Confidence > 0 {
		p.Sure = Some(v.Confidence)
	}
	if v.RTT > 0 {
		p.RTT, p.Clock = Some(v.RTT), v.Clock.String()
	}
	if v.Reply != nil {
		p.See(v.Reply)
	}
	if v.TTL > 0 {
		p.TTL = Some(v.TTL)
	}
	if v.ICMP != nil {
		p.ICMPType, p.ICMPCode = Some(v.ICMP.Type), Some(v.ICMP.Code)
	}
	p.Findings = withError(p.Findings, v.Reason, v.Err)
}

// withError is a list of findings with what could not be done behind it, unless one of them says so
// already: a finding stands once, and is counted by its code.
func withError(list []probe.Finding, why probe.Reason, err error) []probe.Finding {
	code := string(why)
	if err == nil || slices.ContainsFunc(list, func(f probe.Finding) bool { return f.Code == code }) {
		return list
	}
	return append(slices.Clip(list), probe.Finding{Code: code, Severity: probe.SeverityWarning, Text: ErrorWords(err)})
}

// See fills in what the deciding segment carried.
func (p *Port) See(s *craft.Segment) {
	p.TTL, p.Window = Some(s.TTL), Some(s.Window)
	p.Seq, p.Flags = Some(s.Seq), s.Flags.String()
	// An acknowledgement number without the ACK flag means nothing, but one
	// that is set all the same tells stacks and middleboxes apart.
	if s.Flags.Has(craft.ACK) || s.Ack != 0 {
		p.Ack = Some(s.Ack)
	}
	if s.Src.Addr().Is4() {
		p.IPID = Some(s.ID)
	}
	p.seeOptions(s)
}

func (p *Port) seeOptions(s *craft.Segment) {
	if mss, ok := s.Options.MSS(); ok {
		p.MSS = Some(mss)
	}
	if shift, ok := s.Options.WindowScale(); ok {
		p.WScale = Some(shift)
	}
	if s.Flags.Has(craft.SYN) {
		_, _, ts := s.Options.Timestamps()
		p.SACK, p.TS = Some(s.Options.SACKPermitted()), Some(ts)
	}
}

// Type is "port".
func (*Port) Type() string { return "port" }

// PortColumns are the fields of a port record in their order, present or not.
func PortColumns() []string {
	return []string{
		"time", "target", "addr", "port", "state", "reason", "supersedes", "confidence", "attempts", "rtt_ns", "rtt_clock",
		"ttl", "window", "mss", "wscale", "sack", "ts", "seq", "ack", "flags", "ip_id",
		"responder", "icmp_type", "icmp_code", "findings",
	}
}

func (p *Port) Fields(w FieldWriter) {
	momentField(w, "time", p.Time)
	w.Str("target", p.Target)
	w.Addr("addr", p.Addr)
	w.Uint("port", uint64(p.Port))
	w.Str("state", p.State.String())
	w.Str("reason", string(p.Reason))
	if before, ok := p.Before.Get(); ok {
		w.Str("supersedes", before.String())
	}
	floatField(w, "confidence", p.Sure)
	w.Uint("attempts", uint64(p.Attempts))
	durationField(w, "rtt_ns", p.RTT)
	strField(w, "rtt_clock", p.Clock)
	p.segmentFields(w)
	addrField(w, "responder", p.Responder)
	uintField(w, "icmp_type", p.ICMPType)
	uintField(w, "icmp_code", p.ICMPCode)
	findingsField(w, "findings", p.Findings)
}

func (p *Port) segmentFields(w FieldWriter) {
	uintField(w, "ttl", p.TTL)
	uintField(w, "window", p.Window)
	uintField(w, "mss", p.MSS)
	uintField(w, "wscale", p.WScale)
	boolField(w, "sack", p.SACK)
	boolField(w, "ts", p.TS)
	uintField(w, "seq", p.Seq)
	uintField(w, "ack", p.Ack)
	strField(w, "flags", p.Flags)
	uintField(w, "ip_id", p.IPID)
}

// PossiblyOpen is the reading of "open" that --open has in nmap.
func PossiblyOpen(s probe.State) bool {
	return s == probe.StateOpen || s == probe.StateOpenFiltered || s == probe.StateUnfiltered
}
