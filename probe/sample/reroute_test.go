package sample_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/isn"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

// Where the route moves to another uplink in mid-run, the plan begins anew from the address
// there, whether the kernel tells of it or it is the answers that stop.
func TestSampleMovesWithItsRoute(t *testing.T) {
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			way := simnet.Path{Delay: 10 * ms}
			w := probetest.World{Host: drawn(isn.ClassTupleClock, 1), Ports: 20, Config: simnet.Config{Out: way, Back: way, Sources: probetest.Two}}
			conn := probetest.NewMoving(w.Conn(), 2*time.Second, 3*time.Second)
			conn.Told = told
			defer conn.Close()
			g := &gathered{}
			s, err := sample.Run(t.Context(), conn, sample.Config{Targets: []netip.AddrPort{target}, Plan: isn.NewPlan(isn.PlanConfig{})}, g)
			r := g.result(t, target)
			if err != nil || r.State != probe.StateOpen || r.Report.Class != isn.ClassTupleClock || !r.Whole() {
				t.Errorf("told %v: %s (%s), %s, %d of %d, %v, %v: %v", told, r.State, r.Reason, r.Report.Class, r.Carried, r.Planned, r.Report.Findings, s.Took, err)
			}
		})
	}
}
