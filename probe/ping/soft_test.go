package ping_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// An ICMP error that may pass is no answer while the probe's time lasts: what the target itself
// says later counts. One that forbids is believed at once.
func TestErrorsThatMayPass(t *testing.T) {
	for _, tc := range []struct {
		kind, code uint8
		answers    bool
		state      probe.State
		took       time.Duration // at most
	}{
		{3, 1, true, probe.StateOpen, 300 * ms},
		{3, 0, true, probe.StateOpen, 300 * ms},
		{3, 1, false, probe.StateFiltered, time.Second},
		{3, 13, false, probe.StateFiltered, 700 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			router, host := probetest.Reject(tc.kind, tc.code), simnet.Slow(probetest.Listener(), 250*ms)
			both := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
				if in.Flags == craft.SYN {
					router.Respond(now, in, out)
				}
				if tc.answers {
					host.Respond(now, in, out)
				}
			})
			w := probetest.World{Host: both}
			conn := w.Conn()
			defer conn.Close()
			var got []ping.Sample
			_, err := ping.Run(t.Context(), conn, ping.Config{Targets: []netip.AddrPort{target}, Count: 1}, func(s ping.Sample) error {
				got = append(got, s)
				if took := time.Since(s.Sent); took > tc.took {
					t.Errorf("%d/%d: told of after %v", tc.kind, tc.code, took)
				}
				return nil
			})
			if len(got) != 1 {
				t.Fatalf("%d samples: %v", len(got), err)
			}
			if err != nil || got[0].State != tc.state || got[0].Doubt != probe.DoubtNone {
				t.Errorf("%d/%d, answers %t: %v, doubt %v, reason %v: %v", tc.kind, tc.code, tc.answers, got[0].State, got[0].Doubt, got[0].Reason, err)
			}
		})
	}
}
