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

// sleeper counts how often a run wakes up once a while has passed.
type sleeper struct {
	*simnet.Conn
	from    time.Time
	wakings int
}

func (s *sleeper) Await(d, gather time.Duration) {
	if s.Conn.Await(d, gather); time.Now().After(s.from) {
		s.wakings++
	}
}

// A run that waits for nothing but the limit of a host wakes up when the next probe may
// leave, and not for each answer and each silence beside.
func TestLimitedHostIsNotWokenUpFor(t *testing.T) {
	for _, rate := range []float64{20, 50, 200} {
		synctest.Test(t, func(t *testing.T) {
			h := &clockedHost{randomHost: &randomHost{chance: rand.New(rand.NewPCG(1, 1)), began: time.Now(), truth: map[uint16]probe.State{},
				burst: 20, tokens: 20, rate: rate, delay: 300 * time.Microsecond, Host: simnet.Linux(22)}}
			conn, all := alone(h, h.randomHost, 1000)
			defer conn.Close()
			s := &sleeper{Conn: conn, from: time.Now().Add(3 * time.Second)}
			found := states{}
			if _, err := scan.Run(t.Context(), s, scan.Config{Targets: slices.Values(all)}, found); err != nil || found[probe.StateRefused] < 990 {
				t.Errorf("%v a second: %v, %v", rate, found, err)
			}
			late := 0
			for _, at := range h.came {
				if at.After(s.from) {
					late++
				}
			}
			if late < 50 || 2*s.wakings > 3*late {
				t.Errorf("%v a second: %d wakings for %d probes", rate, s.wakings, late)
			}
			t.Log(rate, s.wakings, late)
		})
	}
}
