package handshake_test

import (
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/handshake"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// Where the route moves to another uplink before the SYN was answered, a connection is opened
// from the address there, whether the kernel tells of it or not.
func TestHandshakeMovesWithItsRoute(t *testing.T) {
	for _, told := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: 10 * time.Millisecond}
			w := probetest.World{Host: probetest.Listener(), Ports: 1, Config: simnet.Config{Out: path, Back: path, Sources: probetest.Two}}
			conn := probetest.NewMoving(w.Conn(), 0, 700*time.Millisecond)
			conn.Told = told
			defer conn.Close()
			r, err := handshake.Run(t.Context(), conn, handshake.Config{Target: probetest.Target})
			if err != nil || r.State != probe.StateOpen || r.RTT != 20*time.Millisecond || r.Traffic.Sent < 4 || r.Traffic.Received == 0 {
				t.Errorf("told %v: %v (%v), RTT %v, %d sent, after %v: %v", told, r.State, r.Reason, r.RTT, r.Traffic.Sent, r.Traffic.Took, err)
			}
		})
	}
}

// A silent target gets as many SYNs as ever while its route stays.
func TestHandshakeStaysOnItsRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := probetest.NewMoving(probetest.World{Host: simnet.Dropped{}, Ports: 1, Config: simnet.Config{Sources: probetest.Two}}.Conn(), time.Hour, time.Hour)
		defer conn.Close()
		r, err := handshake.Run(t.Context(), conn, handshake.Config{Target: probetest.Target})
		if err != nil || r.State != probe.StateFiltered || r.Traffic.Sent != 3 {
			t.Errorf("%v, %d sent: %v", r.State, r.Traffic.Sent, err)
		}
	})
}
