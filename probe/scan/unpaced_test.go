package scan_test

import (
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// What is said of a scan's own pace is what the engine does: it is let loose on silence,
// on the link and through a router.
func TestSilentSpanIsTheEngines(t *testing.T) {
	const packets = 30_000
	for name, tc := range map[string]struct {
		bound float64
		over  func(*simnet.Conn) probe.Polled
	}{
		"on the link":      {probe.LinkRate, func(c *simnet.Conn) probe.Polled { return c }},
		"through a router": {probe.RoutedRate, func(c *simnet.Conn) probe.Polled { return routed{c} }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := probetest.World{Host: simnet.Dropped{}}.Conn()
				defer conn.Close()
				cfg := scan.Config{Targets: slices.Values(ranges(1, packets, target.Addr())), Retries: -1}
				summary, err := scan.Run(t.Context(), tc.over(conn), cfg, states{})
				if err != nil || summary.Sent != packets {
					t.Fatalf("%d sent: %v", summary.Sent, err)
				}
				took, want := packets/summary.Rate, scan.SilentSpan(packets, tc.bound).Seconds()
				if math.Abs(took/want-1) > 0.05 {
					t.Errorf("%d packets left in %v s, and %v s were said", packets, took, want)
				}
			})
		})
	}
}

func TestSilentSpan(t *testing.T) {
	for _, tc := range []struct {
		packets   uint64
		bound     float64
		low, high time.Duration
	}{
		{0, probe.LinkRate, 0, 0},
		{1, probe.LinkRate, time.Second / 2000, time.Second / 2000},
		{1e6, probe.RoutedRate, 100 * time.Second, 101 * time.Second},
		{1e6, probe.LinkRate, 20 * time.Second, 21 * time.Second},
		{1e6, probe.LocalRate, 5 * time.Second, 6 * time.Second},
		{1e6, probe.FirstRate, 500 * time.Second, 500 * time.Second},
		{math.MaxUint64, probe.RoutedRate, math.MaxInt64, math.MaxInt64},
	} {
		if got := scan.SilentSpan(tc.packets, tc.bound); got < tc.low || got > tc.high {
			t.Errorf("%d packets up to %v a second: %v, want %v to %v", tc.packets, tc.bound, got, tc.low, tc.high)
		}
	}
}
