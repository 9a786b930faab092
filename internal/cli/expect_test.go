package cli

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"synscope/internal/report/text"
	"synscope/probe"
	"synscope/probe/ping"
)

// A probe that was answered after something else was told of it counts once, as what the port turned out to be.
func TestExpectationsOfLateProbes(t *testing.T) {
	target := netip.MustParseAddrPort("192.0.2.1:80")
	s := newPingSeries("a", target, 1, 8)
	silent := ping.Sample{Target: target, State: probe.StateFiltered, Reason: probe.ReasonNoResponse}
	refused := ping.Sample{Target: target, State: probe.StateRefused, Reason: probe.ReasonReset, RTT: 1}
	for n, x := range []ping.Sample{silent, silent, refused} {
		x.N, s.probed = uint64(n+1), uint64(n+1)
		s.add(&x)
	}
	for _, before := range []probe.State{probe.StateFiltered, probe.StateRefused} {
		s.addLate(&ping.Sample{Target: target, N: 2, State: probe.StateOpen, Reason: probe.ReasonSYNACK, Doubt: probe.DoubtLate, Supersedes: before})
	}
	if got := s.found(); got != "2 open, 1 filtered" || !s.holds(probe.StateOpen) || s.late != 1 || s.Summary().Lost != 2 {
		t.Errorf("%s; %d late, %d lost", got, s.late, s.Summary().Lost)
	}
}

// SYNs that the kernel retransmits are no probes: they are lost where one with the same numbers was answered, and of a
// probe that nothing answered they are not told apart.
func TestRetransmissionsAreNoProbes(t *testing.T) {
	target := netip.MustParseAddrPort("192.0.2.1:80")
	s := newPingSeries("a", target, 1, 8)
	s.add(&ping.Sample{Target: target, N: 1, State: probe.StateOpen, Repeats: 1, Doubt: probe.DoubtRetransmitted})
	s.add(&ping.Sample{Target: target, N: 2, State: probe.StateFiltered, Reason: probe.ReasonNoResponse, Repeats: 2})
	s.add(&ping.Sample{Target: target, N: 3, State: probe.StateOpen, RTT: 1})
	words := text.RTTWords(s.record())
	if want := "3 probes and 1 retransmission sent, 2 received, 2 lost (50 %)"; !strings.HasPrefix(words, want) {
		t.Errorf("%s, want %s", words, want)
	}
}

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

// A run without state says in one line what else than the expected was found, the most first, and which addresses are
// not there.
func TestExpectationsWithoutState(t *testing.T) {
	expect := probe.StateOpen
	for _, tc := range []struct {
		leftOut int
		states  map[probe.State]uint64
		want    string
	}{
		{0, map[probe.State]uint64{probe.StateOpen: 3}, ""},
		{0, map[probe.State]uint64{probe.StateOpen: 3, probe.StateRefused: 1, probe.StateFiltered: 2000}, "synscope: expected open, found 2,000 filtered, 1 refused\n"},
		{2, map[probe.State]uint64{probe.StateOpen: 3}, "synscope: expected open, found 2 addresses that are not there\n"},
	} {
		var said bytes.Buffer
		j, r := scanJob{expect: &expect}, results{leftOut: tc.leftOut}
		err := j.judged(&display{streams: Streams{Err: &said}}, &r, &probe.Summary{States: tc.states})
		if said.String() != tc.want || (err == nil) != (tc.want == "") {
			t.Errorf("%+v: %q, %v", tc, &said, err)
		}
	}
}
