package wide_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// A run without state finds the ports of hosts that answer nothing but retransmissions, within
// three packets each.
func TestStatelessRetransmissionRequired(t *testing.T) {
	for _, tc := range []struct {
		name, target, ports string
		host                func() simnet.Host
		rtt                 time.Duration
	}{
		{"one port", "198.51.100.7", "80", func() simnet.Host { return simnet.Linux(80) }, 30 * ms},
		{"one port, IPv6", "2001:db8:1::7", "80", func() simnet.Host { return simnet.Linux(80) }, 30 * ms},
		{"no time stamps", "198.51.100.7", "80", func() simnet.Host { return probetest.Unstamped(simnet.Linux(80)) }, 0},
		{"many", "198.51.100.7", "1-400", func() simnet.Host { return simnet.Linux(80) }, 30 * ms},
		{"a network", "198.51.100.0/28", "80", func() simnet.Host { return simnet.Linux(80) }, 30 * ms},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := probetest.NewPersistent(tc.host())
				plan := planOf(t, 1, tc.ports, tc.target)
				found := newAnswers()
				s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 20 * ms}}, p,
					wide.Config{Plan: plan, Config: scan.Config{Rate: 10_000}}, found)
				if err != nil || !s.Complete || s.States[probe.StateOpen]+s.States[probe.StateRefused] != plan.Count() {
					t.Errorf("%v, complete %v after %v: %v", s.States, s.Complete, s.Took, err)
				}
				for a, v := range found.best {
					if v.State == probe.StateOpen && (v.RTT != tc.rtt || v.Attempts != 3) || !probetest.Found(v.Findings, probetest.Required) {
						t.Errorf("%v: %v, RTT %v, attempt %d, %v", a, v.State, v.RTT, v.Attempts, v.Findings)
					}
				}
				for a, n := range p.SYNs {
					if n > 3 {
						t.Errorf("%d SYNs to %v", n, a)
					}
				}
			})
		})
	}
}

// Addresses that have answered get none of it, and those whose answers are late, or lost, require
// nothing.
func TestStatelessRetransmitsToTheSilentAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := simnet.Linux(80)
		h.Default = simnet.Dropped{}
		s, err := stateless(t, t.Context(), simnet.Config{}, h, wide.Config{Plan: planOf(t, 1, "1-100", "198.51.100.7"), Config: scan.Config{Rate: 10_000}}, newAnswers())
		if err != nil || s.Sent != 200 {
			t.Errorf("%d sent: %v", s.Sent, err)
		}
	})
	for _, unstamped := range []bool{false, true} {
		for _, way := range []simnet.Path{{Delay: 550 * ms}, {Delay: 900 * ms}, {Delay: 10 * ms, Loss: 0.1}} {
			synctest.Test(t, func(t *testing.T) {
				var h simnet.Host = simnet.Linux(80)
				if unstamped {
					h = probetest.Unstamped(h)
				}
				found := newAnswers()
				stateless(t, t.Context(), simnet.Config{Seed: 1, Out: way, Back: way}, h, wide.Config{Plan: planOf(t, 1, "80", "198.51.100.0/24"), Config: scan.Config{Rate: 10_000}}, found)
				told := slices.Collect(func(yield func(netip.AddrPort) bool) {
					for a, v := range found.best {
						if probetest.Found(v.Findings, probetest.Required) && !yield(a) {
							return
						}
					}
				})
				if len(told) > 0 || len(found.best) < 200 {
					t.Errorf("%+v: %v of %d", way, told, len(found.best))
				}
			})
		}
	}
}
