package ping_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// Where the route moves to another uplink in mid-run, the probes after that leave from
// the address there, as new connections of the kernel do, whether the kernel tells of it
// or it is the answers that stop; the old address may well stay.
func TestPingMovesWithItsRoute(t *testing.T) {
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: 10 * ms}
			w := probetest.World{Host: probetest.Listener(), Ports: 16, Config: simnet.Config{Out: path, Back: path, Sources: probetest.Two}}
			conn := probetest.NewMoving(w.Conn(), 2*time.Second, 3*time.Second)
			conn.Told = told
			defer conn.Close()
			open, lost, last := 0, 0, uint64(0)
			_, err := ping.Run(t.Context(), conn, ping.Config{
				Targets: []netip.AddrPort{target}, Count: 80, Interval: 100 * ms, Timeout: 500 * ms,
			}, func(s ping.Sample) error {
				if s.State == probe.StateOpen {
					open++
				} else {
					lost, last = lost+1, max(last, s.N)
				}
				return nil
			})
			if err != nil || lost < 8 || lost > 16 || last > 36 {
				t.Errorf("told %v: %d open, %d lost, the last of them %d: %v", told, open, lost, last, err)
			}
		})
	}
}
