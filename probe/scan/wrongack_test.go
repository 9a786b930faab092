package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// SYN-ACKs that acknowledge another number are no verdict, get no RST, and are told of where nothing
// better comes; then nobody is sure of the silence.
func TestSYNACKsOfAnotherNumber(t *testing.T) {
	wrong := simnet.Mangle(&simnet.Listener{}, simnet.AckOff(0x5000))
	silentOnReset := func() simnet.Host { // as a guard is that waits for an RST
		return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN {
				out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Seq: 1, Ack: in.Seq.Add(0x5000), Flags: craft.SYN | craft.ACK, Window: 64240})
			}
		})
	}
	for _, tc := range []struct {
		name  string
		addr  string
		host  simnet.Host
		told  bool
		state probe.State
		up    probe.HostState
		sure  bool
	}{
		{"guard", "198.51.100.7", silentOnReset(), true, probe.StateFiltered, probe.HostDown, false},
		{"guard, IPv6", "2001:db8:1::7", silentOnReset(), true, probe.StateFiltered, probe.HostDown, false},
		{"one port of a host", "198.51.100.7", simnet.Mux{Ports: map[uint16]simnet.Host{80: silentOnReset()}}, true, probe.StateFiltered, probe.HostUp, false},
		{"then the right one", "198.51.100.7", inTurn(wrong, &simnet.Listener{}), false, probe.StateOpen, probe.HostUp, false},
		{"then a refusal", "198.51.100.7", inTurn(wrong, simnet.Closed{}), false, probe.StateRefused, probe.HostUp, false},
		{"silence", "198.51.100.7", simnet.Dropped{}, false, probe.StateFiltered, probe.HostDown, true},
		{"from another port", "198.51.100.7", simnet.Mangle(silentOnReset(), func(s *craft.Segment) {
			s.Src = netip.AddrPortFrom(s.Src.Addr(), 8080)
		}), false, probe.StateFiltered, probe.HostDown, true},
		{"to another port", "198.51.100.7", simnet.Mangle(silentOnReset(), func(s *craft.Segment) {
			s.Dst = netip.AddrPortFrom(s.Dst.Addr(), s.Dst.Port()+7)
		}), false, probe.StateFiltered, probe.HostDown, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := netip.MustParseAddr(tc.addr)
				asked := netip.AddrPortFrom(a, 80)
				w := world{Host: tc.host}
				found, sum, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(80, 82, a))})
				v, h := found.ports[asked], found.hosts[a]
				if err != nil || v.State != tc.state || h.State != tc.up || (v.Confidence > 0) != tc.sure {
					t.Errorf("%v (%v), sure %v, host %v: %v", v.State, v.Reason, v.Confidence, h.State, err)
				}
				if probetest.Found(h.Findings, "wrong-ack") != tc.told || tc.state == probe.StateFiltered && sum.Resets > 0 {
					t.Errorf("findings %v, %d resets", h.Findings, sum.Resets)
				}
			})
		})
	}
}

// A host that answers each SYN of another port by an ACK of it is up, and nobody is sure that its
// port is filtered.
func TestACKsOfOurNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cleared := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN {
				out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Seq: 7, Ack: in.Seq.Add(1), Flags: craft.ACK, Window: 64240})
			}
		})
		found, _, err := world{Host: cleared}.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(80, 80, target.Addr()))})
		v, h := found.ports[target], found.hosts[target.Addr()]
		if err != nil || v.State != probe.StateFiltered || v.Confidence != 0 || h.State != probe.HostUp || h.Reason != probe.ReasonSplitHandshake {
			t.Errorf("%v (%v), sure %v, host %v (%v): %v", v.State, v.Reason, v.Confidence, h.State, h.Reason, err)
		}
	})
}
