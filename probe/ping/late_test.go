package ping_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// Each probe has one outcome, however late answers are: what comes after a probe was told of takes the place of that,
// and names it. The answer to the warm-up probe is none of the series.
func TestLateAnswersSupersede(t *testing.T) {
	after := func(wait time.Duration) simnet.Host { return simnet.Slow(probetest.Listener(), wait) }
	for name, tc := range map[string]struct {
		host   simnet.Host
		before probe.State
		now    probe.Reason
	}{
		"after the timeout":           {after(1300 * ms), probe.StateFiltered, probe.ReasonSYNACK},
		"after a refusal was told of": {simnet.Chorus(simnet.Closed{}, after(400*ms)), probe.StateRefused, probe.ReasonSYNACK},
		"after an error was told of":  {simnet.Chorus(probetest.Reject(3, 13), after(700*ms)), probe.StateFiltered, probe.ReasonSYNACK},
		"an error after the timeout":  {simnet.Slow(probetest.Reject(3, 1), 1300*ms), probe.StateFiltered, "host-unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				samples, late, s := series(t, probetest.World{Host: tc.host, Ports: 8, Opts: []simnet.Option{simnet.WatchOutgoing()}},
					ping.Config{Count: 3, Interval: 600 * ms, Timeout: time.Second})
				counted := map[probe.State]uint64{}
				for _, x := range samples {
					counted[x.State]++
				}
				for _, x := range late {
					if x.Supersedes != tc.before || x.N == 0 || x.Reason != tc.now || x.Doubt != probe.DoubtLate || x.RTT != 0 {
						t.Errorf("%+v", x)
					}
					if counted[x.Supersedes]--; counted[x.Supersedes] == 0 {
						delete(counted, x.Supersedes)
					}
					counted[x.State]++
				}
				if len(samples) != 3 || len(late) == 0 || s.Probes != 3 || !maps.Equal(s.States, counted) {
					t.Errorf("%d samples, %d late; counted %v, the summary says %d probes: %v", len(samples), len(late), counted, s.Probes, s.States)
				}
			})
		})
	}
}
