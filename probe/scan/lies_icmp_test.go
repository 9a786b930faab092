package scan_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// storm answers each probe with so many errors of a router on the way, which quote it
// rightly, before and after what the host itself says.
func storm(host simnet.Host, n int, kinds ...simnet.ICMP) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		for range n {
			for _, kind := range kinds {
				simnet.Rejected{ICMP: kind}.Respond(now, in, out)
			}
		}
		host.Respond(now, in, out)
	})
}

// Advice about the way (a path MTU, however absurd, a redirect, a source quench) is no
// verdict, costs no more than the attempts that silence costs, and hides no answer.
func TestAdviceIsNoVerdict(t *testing.T) {
	var lies []simnet.ICMP
	for _, mtu := range []uint32{0, 1, 67, 68, 575, 1279, 1500, 65535, 1<<32 - 1} {
		lies = append(lies, simnet.ICMP{Type: 3, Code: 4, MTU: mtu, QuoteTCP: 8})
	}
	lies = append(lies, simnet.ICMP{Type: 5, Code: 1, QuoteTCP: 8}, simnet.ICMP{Type: 4, QuoteTCP: 8})
	for name, tc := range map[string]struct {
		host  simnet.Host
		state probe.State
	}{
		"open":    {simnet.AllOpen{}, probe.StateOpen},
		"refused": {simnet.Closed{}, probe.StateRefused},
		"silent":  {simnet.Dropped{}, probe.StateFiltered},
	} {
		for _, lie := range append(lies, simnet.ICMP{}) { // the last: all of them
			synctest.Test(t, func(t *testing.T) {
				kinds := []simnet.ICMP{lie}
				if lie.Type == 0 {
					kinds = lies
				}
				what := fmt.Sprintf("%s, ICMP %d/%d MTU %d", name, lie.Type, lie.Code, lie.MTU)
				found, s, err := world{Host: storm(tc.host, 3, kinds...), Config: over(0)}.scan(t, t.Context(),
					scan.Config{Targets: slices.Values(ranges(1, 100, target.Addr())), Rate: 1000})
				if err != nil || !s.Complete || len(found.ports) != 100 || s.States[tc.state] != 100 {
					t.Errorf("%s: %v, %v", what, err, s.States)
				}
				if s.Sent > 500 || s.Took > 10*time.Second {
					t.Errorf("%s: %d sent in %v", what, s.Sent, s.Took)
				}
			})
		}
	}
}
