// Package probetest holds what the tests of the engines share: a network of
// model hosts, and the check that a summary accounts for every packet.
package probetest

import (
	"net/netip"
	"testing"
	"time"

	"synscope/probe"
	"synscope/probe/simnet"
)

// Millisecond is a millisecond.
const Millisecond = time.Millisecond

// Target is an address of every [World].
var Target = netip.MustParseAddrPort("198.51.100.7:80")

// World is a network with what a test puts into it.
type World struct {
	simnet.Config
	Host  simnet.Host // behind every address, IPv4 and IPv6
	Ports int         // held; 0: one for each attempt
	Opts  []simnet.Option
}

// Conn attaches a prober to the network, until the test ends. It must be called
// in a bubble.
func (w World) Conn() *simnet.Conn {
	n := simnet.New(w.Config)
	if w.Host != nil {
		n.Handle(netip.MustParsePrefix("198.51.100.0/24"), w.Host)
		n.Handle(netip.MustParsePrefix("2001:db8:1::/64"), w.Host)
	}
	held := w.Ports
	if held == 0 {
		held = 5
	}
	return n.Conn(held, w.Opts...)
}

// Balance checks that nothing was dropped uncounted.
func Balance(t *testing.T, s *probe.Summary) {
	t.Helper()
	sum := s.Matched
	for _, n := range s.Rejected {
		sum += n
	}
	if sum != s.Received {
		t.Errorf("received %d, but matched %d and rejected %v", s.Received, s.Matched, s.Rejected)
	}
	var states uint64
	for _, n := range s.States {
		states += n
	}
	if states != s.Probes {
		t.Errorf("%d probes, but states %v", s.Probes, s.States)
	}
}

// Listener is a host that accepts on every port.
func Listener() simnet.Host { return &simnet.Listener{} }

// Reject is a router that answers every segment with an ICMP error.
func Reject(typ, code uint8) simnet.Host {
	return simnet.Rejected{ICMP: simnet.ICMP{Type: typ, Code: code, QuoteTCP: 8}}
}
