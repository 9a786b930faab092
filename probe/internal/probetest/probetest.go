// Package probetest holds what the tests of the engines share: a network of
// model hosts, and the check that a summary accounts for every packet.
package probetest

import (
	"cmp"
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
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
	held := cmp.Or(w.Ports, 5)
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

// Narrow is a host behind a router that lets no SYN with options pass.
type Narrow struct {
	simnet.Host
	Refused int // SYNs
}

// Respond implements [simnet.Host].
func (n *Narrow) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	switch {
	case in.Flags != craft.SYN || len(in.Options) == 0:
		n.Host.Respond(now, in, out)
		return
	case in.Src.Addr().Is4():
		Reject(3, 4).Respond(now, in, out)
	default:
		Reject(2, 0).Respond(now, in, out)
	}
	n.Refused++
}

// ACKs is a host without memory that answers each SYN with an ACK alone, of a number.
func ACKs(number func(isn craft.Seq) craft.Seq) simnet.Host {
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.SYN {
			out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Flags: craft.ACK, Seq: 1, Ack: number(in.Seq)})
		}
	})
}
