package trace_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// A target that answers nothing but the retransmission of a SYN is found open or refused, as far
// away as it is.
func TestTraceRetransmissionRequired(t *testing.T) {
	v6 := netip.MustParseAddrPort("[2001:db8:1::7]:80")
	for _, tc := range []struct {
		name   string
		host   func() simnet.Host
		target netip.AddrPort
		length int
		rtt    bool
	}{
		{"near", probetest.Listener, target, 0, true},
		{"open", probetest.Listener, target, 5, true},
		{"open, IPv6", probetest.Listener, v6, 5, true},
		{"open, no time stamps", func() simnet.Host { return probetest.Unstamped(probetest.Listener()) }, target, 5, false},
		{"refused", func() simnet.Host { return simnet.Closed{} }, target, 5, false},
		{"far", probetest.Listener, target, 28, true},
	} {
		for _, flow := range []probe.Flow{probe.FlowFixed, probe.FlowVary} {
			for _, queries := range []int{1, 3} {
				t.Run(tc.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						path := simnet.Path{Delay: 20 * ms}
						p := probetest.NewPersistent(tc.host())
						host := simnet.Behind(p, routersTo(tc.target.Addr(), tc.length)...)
						w := world{Host: host, Config: simnet.Config{Out: path, Back: path}}
						hops, way, took := w.trace(t, trace.Config{Target: tc.target, Flow: flow, Queries: queries})
						state := probe.StateOpen
						if tc.name == "refused" {
							state = probe.StateRefused
						}
						if way.Verdict.State != state || way.Length != tc.length+1 || !probetest.Found(way.Verdict.Findings, probetest.Required) {
							t.Errorf("%v (%v) at %d, %v, after %v", way.Verdict.State, way.Verdict.Reason, way.Length, way.Verdict.Findings, took)
						}
						if rtt := way.Verdict.RTT; rtt != 0 && rtt != 40*ms || tc.rtt != (rtt != 0) {
							t.Errorf("RTT %v", rtt)
						}
						if last := hops[len(hops)-1]; last.TTL != tc.length+1 {
							t.Errorf("the last hop told of is %d", last.TTL)
						}
					})
				})
			}
		}
	}
}

// A target that answers nothing gets two packets more than without, and no time more than late
// answers have anyway; one whose answers are late requires nothing.
func TestTraceSilentBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := simnet.Path{Delay: 20 * ms}
		w := world{Host: simnet.Behind(simnet.Dropped{}, routers(3)...), Config: simnet.Config{Out: path, Back: path}}
		_, way, took := w.trace(t, trace.Config{})
		if way.Verdict.State != probe.StateFiltered || way.Summary.Sent > 1+30+2*6+2 || took > 3400*ms {
			t.Errorf("%v, %d sent, %v", way.Verdict.State, way.Summary.Sent, took)
		}
	})
	for _, host := range []func() simnet.Host{probetest.Listener, func() simnet.Host { return probetest.Unstamped(probetest.Listener()) }} {
		for _, delay := range []time.Duration{550 * ms, 750 * ms, 950 * ms} {
			synctest.Test(t, func(t *testing.T) {
				path := simnet.Path{Delay: delay}
				w := world{Host: simnet.Behind(host(), routers(3)...), Config: simnet.Config{Out: path, Back: path}}
				_, way, _ := w.trace(t, trace.Config{})
				if way.Verdict.State != probe.StateOpen || probetest.Found(way.Verdict.Findings, probetest.Required) || way.Verdict.RTT != 0 && way.Verdict.RTT != 2*path.Delay {
					t.Errorf("%v each way: %v, %v, RTT %v", path.Delay, way.Verdict.State, way.Verdict.Findings, way.Verdict.RTT)
				}
			})
		}
	}
}
