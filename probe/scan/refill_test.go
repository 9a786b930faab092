package scan_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// A limit is found though nothing but what its bucket held was answered to the first tries, and nothing is
// answered that has no limit; where the others are filtered, that costs a few packets.
func TestLimitAfterItsBucket(t *testing.T) {
	for _, c := range []struct {
		ports    uint16
		burst    float64
		filtered uint16 // ports from there on
	}{{100, 5, 0}, {100, 20, 0}, {400, 20, 0}, {1000, 5, 0}, {400, 400, 21}} {
		synctest.Test(t, func(t *testing.T) {
			h := &randomHost{chance: rand.New(rand.NewPCG(1, 1)), began: time.Now(), truth: map[uint16]probe.State{},
				burst: c.burst, tokens: c.burst, rate: 5, delay: 100 * time.Microsecond, Host: simnet.Linux()}
			conn, all := alone(h, h, c.ports)
			defer conn.Close()
			refused := int(c.ports)
			for port := c.filtered; c.filtered > 0 && port <= c.ports; port++ {
				h.truth[port] = probe.StateFiltered
				refused--
			}
			found := states{}
			sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all)}, found)
			t.Logf("%+v: %v, %d packets, %v", c, sum.Took, sum.Sent, found)
			if err != nil || found[probe.StateRefused] != refused || found[probe.StateFiltered] != int(c.ports)-refused {
				t.Errorf("%+v: %v, %v", c, found, err)
			}
			if c.filtered > 0 && (sum.Sent > 2*uint64(c.ports)+10 || sum.Took > 1700*ms) {
				t.Errorf("%+v: %d packets in %v", c, sum.Sent, sum.Took)
			}
		})
	}
}
