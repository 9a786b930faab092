package wide_test

import (
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// Where the route moves to another uplink in mid-run, a run without state goes on from
// the address there, and back to what had left by the uplink that was dead.
func TestStatelessMovesWithItsRoute(t *testing.T) {
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: 10 * ms}
			conn := probetest.NewMoving(probetest.World{Ports: 2, Config: simnet.Config{Seed: 1, Out: path, Back: path, Sources: probetest.Two},
				Host: simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
					simnet.Linux(in.Dst.Port()&^1).Respond(now, in, out) // even ports are open
				}),
			}.Conn(), time.Second, 2*time.Second)
			conn.Told = told
			defer conn.Close()
			cfg := wide.Config{Config: scan.Config{Rate: 2000, FixedRate: true, Timeout: 500 * ms}, Plan: planOf(t, 1, "1-3000", "198.51.100.7")}
			b := newBlaster(t, conn, cfg)
			found := newAnswers()
			s, err := wide.Run(t.Context(), b, cfg, found)
			if err != nil || !s.Complete || s.States[probe.StateOpen] != 1500 || s.States[probe.StateRefused] != 1500 {
				t.Errorf("told %v: %v, %v, complete %v after %v, %d outages, %d again", told, err, s.States, s.Complete, s.Took, s.Outages, s.Again)
			}
			if s.Took > 12*time.Second {
				t.Errorf("told %v: took %v", told, s.Took)
			}
		})
	}
}
