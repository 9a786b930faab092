package scan_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// Hosts that limit their resets are asked at the rate at which they answer: nearly every
// port gets its verdict, in little more than the time that the limit asks for.
func TestLimitsOfResets(t *testing.T) {
	for _, rate := range []float64{5, 20, 50, 200, 500, 2000} {
		for seed := range uint64(3) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				h := &randomHost{chance: r, began: time.Now(), truth: map[uint16]probe.State{}, burst: 20, tokens: 20, rate: rate, delay: 100 * time.Microsecond, Host: simnet.Linux(22, 80, 443)}
				n := simnet.New(simnet.Config{})
				a := netip.MustParseAddr("10.0.0.1")
				n.Handle(netip.PrefixFrom(a, 32), h)
				conn := n.Conn(13)
				defer conn.Close()
				var all []netip.AddrPort
				for port := uint16(1); port <= 1000; port++ {
					h.truth[port] = probe.StateRefused
					all = append(all, netip.AddrPortFrom(a, port))
				}
				r.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
				found := states{}
				sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all)}, found)
				least := 950
				if rate < 20 {
					least = 900
				}
				if err != nil || found[probe.StateOpen] != 3 || found[probe.StateRefused] < least {
					t.Errorf("%v a second, seed %d: %v, %v", rate, seed, found, err)
				}
				if ideal := 997 / rate; sum.Took.Seconds() > 2*ideal+3 {
					t.Errorf("%v a second, seed %d: took %v", rate, seed, sum.Took)
				}
				t.Log(rate, sum.Took.Round(10*time.Millisecond), sum.Sent, found)
			})
		}
	}
}
