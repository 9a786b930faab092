package cli

import (
	"net/netip"
	"testing"

	"synscope/probe"
)

// What is expected is held against the latest that was said of a port.
func TestExpectationsOfSupersededPorts(t *testing.T) {
	expect, port := probe.StateOpen, netip.MustParseAddrPort("192.0.2.1:80")
	other := netip.MustParseAddrPort("192.0.2.1:81")
	r := results{expect: &expect}
	r.compare(&probe.Verdict{Target: port, State: probe.StateFiltered, Reason: "admin-prohibited"})
	r.compare(&probe.Verdict{Target: port, State: probe.StateRefused, Reason: probe.ReasonReset, Supersedes: probe.StateFiltered})
	if r.unexpected != 1 || r.complaint() != unexpected(port, expect, probe.StateRefused, probe.ReasonReset) {
		t.Errorf("%d unexpected: %s", r.unexpected, r.complaint())
	}
	r.compare(&probe.Verdict{Target: port, State: probe.StateOpen, Reason: probe.ReasonSYNACK, Supersedes: probe.StateRefused})
	if r.unexpected != 0 || r.unlike != "" {
		t.Errorf("%d unexpected: %s", r.unexpected, r.unlike)
	}
	r.compare(&probe.Verdict{Target: other, State: probe.StateRefused, Reason: probe.ReasonReset})
	if r.unexpected != 1 || r.complaint() != unexpected(other, expect, probe.StateRefused, probe.ReasonReset) {
		t.Errorf("%d unexpected: %s", r.unexpected, r.complaint())
	}
}
