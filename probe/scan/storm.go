package scan

import (
	"fmt"
	"net/netip"

	"synscope/probe"
)

// storm are the ports of a host that answer one SYN with ever other numbers of their own.
type storm struct {
	ports uint32
	port  uint16 // the first of them
}

// noteStorm takes note of one.
func (e *engine) noteStorm(peer netip.AddrPort, link int) {
	h := e.hosts.find(peer.Addr(), link)
	if h == nil {
		return
	}
	s := &h.tally.lies().storm
	if s.ports++; s.ports == 1 {
		s.port = peer.Port()
	}
}

func (a *otherAcks) storming() []probe.Finding {
	if a == nil || a.storm.ports == 0 {
		return nil
	}
	s := &a.storm
	return []probe.Finding{{
		Code: "synack-storm", Severity: probe.SeverityWarning,
		Text: "one SYN was answered by SYN-ACKs with more than four different sequence numbers, as no TCP answers: " +
			"the host, or something before it, has this machine send RSTs. Those that came later got none",
		Evidence: fmt.Sprintf("connections: %d; the first to port %d", s.ports, s.port),
	}}
}
