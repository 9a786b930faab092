package record

import (
	"net"
	"net/netip"
	"time"

	"synscope/probe"
)

// Host is what was found out about a host as a whole, beside its ports. Fields
// are absent where nothing was seen to fill them.
type Host struct {
	Time     time.Time            `json:"time,omitzero"` // of the answer or of giving up; after a scan, of the last verdict
	Target   string               `json:"target"`        // what the user typed
	Addr     netip.Addr           `json:"addr"`
	Name     string               `json:"name,omitempty"`   // what the user typed, if that is a name
	State    probe.HostState      `json:"state,omitzero"`   // absent where it could not be asked
	Reason   probe.Reason         `json:"reason,omitempty"` // what State rests on, or why there is none
	RTT      Maybe[time.Duration] `json:"rtt_ns,omitzero"`
	Clock    string               `json:"rtt_clock,omitempty"`
	TTL      Maybe[uint8]         `json:"ttl,omitzero"` // with which the answer arrived
	MAC      string               `json:"mac,omitempty"`
	Vendor   string               `json:"vendor,omitempty"` // of the network interface
	Began    time.Time            `json:"began,omitzero"`   // when it was first asked
	Ports    Maybe[uint64]        `json:"ports_probed,omitzero"`
	Loss     Maybe[float64]       `json:"loss,omitzero"` // share of transmissions, 0 to 1
	Findings []probe.Finding      `json:"findings,omitempty"`
}

// NewHost makes the record of a host report; the address stands in for an
// empty target. vendor names who made an interface; it may be nil.
func NewHost(target string, h *probe.HostReport, vendor func(net.HardwareAddr) string) *Host {
	r := &Host{
		Time: h.Time, Target: target, Addr: h.Addr, Name: HostName(target),
		State: h.State, Reason: h.Reason, Began: h.Began, Findings: h.Findings,
	}
	if target == "" {
		r.Target = h.Addr.String()
	}
	if h.RTT > 0 {
		r.RTT, r.Clock = Some(h.RTT), h.Clock.String()
	}
	if h.TTL > 0 {
		r.TTL = Some(h.TTL)
	}
	if len(h.MAC) > 0 {
		r.MAC = h.MAC.String()
		if vendor != nil {
			r.Vendor = vendor(h.MAC)
		}
	}
	if h.Ports > 0 {
		r.Ports = Some(uint64(h.Ports))
	}
	if share, ok := h.Loss.Share(); ok {
		r.Loss = Some(share)
	}
	r.Findings = withError(r.Findings, h.Reason, h.Err)
	return r
}

// Type is "host".
func (*Host) Type() string { return "host" }

// HostColumns are the fields of a host record in their order, present or not.
func HostColumns() []string {
	return []string{
		"time", "target", "addr", "name", "state", "reason", "rtt_ns", "rtt_clock", "ttl", "mac", "vendor",
		"began", "ports_probed", "loss", "findings",
	}
}

func (h *Host) Fields(w FieldWriter) {
	momentField(w, "time", h.Time)
	w.Str("target", h.Target)
	w.Addr("addr", h.Addr)
	strField(w, "name", h.Name)
	if h.State != probe.HostUnknown {
		w.Str("state", h.State.String())
	}
	strField(w, "reason", string(h.Reason))
	durationField(w, "rtt_ns", h.RTT)
	strField(w, "rtt_clock", h.Clock)
	uintField(w, "ttl", h.TTL)
	strField(w, "mac", h.MAC)
	strField(w, "vendor", h.Vendor)
	momentField(w, "began", h.Began)
	uintField(w, "ports_probed", h.Ports)
	floatField(w, "loss", h.Loss)
	findingsField(w, "findings", h.Findings)
}
