package scan_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// Where the route moves to another uplink in mid-run, a scan goes on from the address
// there: it has every verdict, whether the kernel tells of the move or only the
// answers stop.
func TestScanMovesWithItsRoute(t *testing.T) {
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: 10 * ms}
			conn := probetest.NewMoving(probetest.World{
				Host: everyTenth(2000), Config: simnet.Config{Seed: 1, Out: path, Back: path, Sources: probetest.Two},
			}.Conn(), time.Second, 2*time.Second)
			conn.Told = told
			defer conn.Close()
			found := newCollector()
			s, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(ranges(1, 2000, target.Addr())), Rate: 1000}, found)
			if err != nil || !s.Complete || s.WentSilent > 0 {
				t.Errorf("told %v: %v, %+v", told, err, s)
			}
			if wrong := wrongVerdicts(found, target.Addr(), 2000); wrong > 0 {
				t.Errorf("told %v: %d of 2000 wrong: %v", told, wrong, s.States[probe.StateUnknown])
			}
			if s.Took > 6*time.Second {
				t.Errorf("told %v: took %v", told, s.Took)
			}
		})
	}
}
