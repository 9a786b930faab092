package scan_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// Of a host to which much is lost the last few silent ports are asked more often, which costs next to nothing.
func TestLastFewPortsOfALossyHost(t *testing.T) {
	for loss, most := range map[float64]struct{ wrong, sent int }{0.2: {2, 1700}, 0.4: {12, 3000}} {
		wrong, sent := 0, 0
		const runs = 6
		for seed := range byte(runs) {
			synctest.Test(t, func(t *testing.T) {
				c := over(loss)
				c.Seed = uint64(seed) + 7
				_, sum, err := world{Host: simnet.Linux(22, 80, 443), Config: c}.scan(t, t.Context(),
					scan.Config{Targets: slices.Values(ranges(1, 1000, target.Addr())), Key: [16]byte{seed + 1}})
				if err != nil {
					t.Error(err)
				}
				wrong += int(sum.States[probe.StateFiltered])
				sent += int(sum.Sent)
			})
		}
		if t.Logf("loss %v: %d of %d wrong, %d packets a run", loss, wrong, runs*1000, sent/runs); wrong > most.wrong || sent/runs > most.sent {
			t.Errorf("loss %v: %d of %d wrong, %d packets a run", loss, wrong, runs*1000, sent/runs)
		}
	}
}
