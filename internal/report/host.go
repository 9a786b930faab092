package report

import (
	"net/netip"

	"synscope/probe"
)

// Host is what was noticed about a host as a whole, beside its ports.
type Host struct {
	Target   string          `json:"target"` // what the user typed
	Addr     netip.Addr      `json:"addr"`
	Findings []probe.Finding `json:"findings"`
}

// NewHost makes the record of a host report; the address stands in for an
// empty target.
func NewHost(target string, h *probe.HostReport) *Host {
	if target == "" {
		target = h.Addr.String()
	}
	return &Host{Target: target, Addr: h.Addr, Findings: h.Findings}
}

// Type is "host".
func (*Host) Type() string { return "host" }

func (h *Host) fields(w fieldWriter) {
	w.str("target", h.Target)
	w.str("addr", h.Addr.String())
	w.findings("findings", h.Findings)
}
