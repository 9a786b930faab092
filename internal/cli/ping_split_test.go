package cli

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// Each way varies by what its own path does, under virtual time: of delays that are spread evenly over 4 ms
// half lie within 1 ms of the middle, which is a robust deviation of 1.483 ms.
func TestSplitTellsWhichWayVaries(t *testing.T) {
	const ms = time.Millisecond
	steady, unsteady := simnet.Path{Delay: 5 * ms}, simnet.Path{Delay: 5 * ms, Jitter: 4 * ms}
	for name, tc := range map[string]struct {
		out, back   simnet.Path
		there, here time.Duration
	}{
		"there": {unsteady, steady, 1483 * time.Microsecond, 0},
		"back":  {steady, unsteady, 0, 1483 * time.Microsecond},
		"both":  {unsteady, unsteady, 1483 * time.Microsecond, 1483 * time.Microsecond},
		"none":  {steady, steady, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pair := netip.MustParseAddrPort("198.51.100.7:80")
				n := simnet.New(simnet.Config{Seed: 1, Out: tc.out, Back: tc.back})
				n.HandleAddr(pair.Addr().String(), simnet.Linux(80))
				conn := n.Conn(8, simnet.WatchOutgoing())
				defer conn.Close()
				var s splitter
				_, err := ping.Run(t.Context(), conn, ping.Config{Targets: []netip.AddrPort{pair}, Count: 1600, Interval: 30 * ms}, func(p ping.Sample) error {
					s.add(&p)
					return nil
				})
				got := s.split()
				t.Logf("%+v", got)
				if err != nil || got.Samples < 1200 || (got.There-tc.there).Abs() > ms/5 || (got.Back-tc.here).Abs() > ms/5 {
					t.Errorf("%v: %+v, want %v there and %v back", err, got, tc.there, tc.here)
				}
			})
		})
	}
}
