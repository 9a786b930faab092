package scan_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
)

// A guard that requires retransmissions and loss on the way before it come together: the retransmission
// may be lost, and is sent again as often as the loss asks for.
func TestRetransmissionRequiredBehindLoss(t *testing.T) {
	for _, loss := range []float64{0.02, 0.05, 0.1, 0.2} {
		for _, host := range []string{"refusing", "silent"} {
			if host == "silent" && loss > 0.1 { // four answers do not tell of that
				continue
			}
			for seed := range uint64(3) {
				synctest.Test(t, func(t *testing.T) {
					inner := linux(80, 85, 150, 200)()
					if host == "silent" {
						inner = firewalled(80, 85, 150, 200)()
					}
					cfg := over(loss)
					cfg.Seed = seed
					found, s, err := world{Host: probetest.NewPersistent(inner), Config: cfg}.scan(t, t.Context(),
						scan.Config{Targets: slices.Values(ranges(1, 400, target.Addr())), Rate: 1000, HostsKnown: true, Key: [16]byte{1}})
					answered := s.States[probe.StateOpen] + s.States[probe.StateRefused]
					if most := uint64(loss * 10); host == "refusing" && answered < 396 || s.States[probe.StateOpen]+most < 4 {
						t.Errorf("%s, %v lost each way, seed %d: %v by %d packets in %v: %v", host, loss, seed, s.States, s.Sent, s.Took, err)
					}
					t.Log(host, loss, seed, s.States, s.Sent, s.Took, probetest.Codes(found.hosts[target.Addr()].Findings))
				})
			}
		}
	}
}
