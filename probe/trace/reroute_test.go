package trace_test

import (
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// Where the route moves to another uplink in mid-run, a trace goes on from the address there,
// whether the kernel tells of it or not.
func TestTraceMovesWithItsRoute(t *testing.T) {
	for _, told := range []bool{true, false} {
		for _, dies := range []time.Duration{0, 5 * ms, 25 * ms} {
			synctest.Test(t, func(t *testing.T) {
				path := simnet.Path{Delay: 10 * ms}
				w := probetest.World{Host: simnet.Behind(probetest.Listener(), routers(4)...), Ports: 64, Config: simnet.Config{Out: path, Back: path, Sources: probetest.Two}}
				conn := probetest.NewMoving(w.Conn(), dies, 500*ms)
				conn.Told = told
				defer conn.Close()
				hops := map[int]trace.HopKind{}
				way, err := trace.Run(t.Context(), conn, trace.Config{Target: target}, func(h trace.Hop) error {
					hops[h.TTL] = max(hops[h.TTL], h.Kind)
					return nil
				})
				if err != nil || way.Verdict.State != probe.StateOpen || way.Length != 5 || hops[2] != trace.HopTimeExceeded || hops[5] != trace.HopSYNACK {
					t.Errorf("told %v, dead after %v: %v at %d, hops %v, %d sent in %v: %v", told, dies, way.Verdict.State, way.Length, hops, way.Summary.Sent, way.Summary.Took, err)
				}
			})
		}
	}
}
