package discover

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe/internal/probetest"
)

// TestSmallTableOfARouter: hosts behind a router with a small table are found,
// whatever share of a network is there.
func TestSmallTableOfARouter(t *testing.T) {
	for name, every := range map[string]uint32{"one in 64": 64, "one in 3": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &probetest.Router{Live: func(a netip.Addr) bool {
					b := a.As4()
					return (uint32(b[2])<<8|uint32(b[3]))%every == 0
				}}
				conn, all := probetest.BehindRouter(r, 2)
				defer conn.Close()
				want, up := 0, 0
				for _, a := range all {
					if r.Live(a) {
						want++
					}
				}
				summary, err := Run(t.Context(), conn, Config{Hosts: slices.Values(all), Total: 2048}, func(h Host) error {
					if h.Up {
						up++
					}
					return nil
				})
				if err != nil || up != want || r.Full > 0 {
					t.Errorf("%d of %d found, %d segments dropped: %v", up, want, r.Full, err)
				}
				if least := Crowded(2048); summary.Took < least || summary.Took > least+3*time.Second {
					t.Errorf("took %v, said %v beside the pace", summary.Took, least)
				}
			})
		})
	}
}

// A small network waits for nothing, and large ones wait beside each other.
func TestCrowded(t *testing.T) {
	second := func(d time.Duration) time.Duration { return d.Round(time.Second) }
	for n, want := range map[uint64]time.Duration{
		1: 0, 256: 0, 320: 0, 1024: 4 * time.Second, 4096: 24 * time.Second, 65536: 24 * time.Second, 1 << 17: 47 * time.Second,
	} {
		if got := second(Crowded(n)); got != want {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
	if Crowded(1<<64-1) <= 0 {
		t.Error("time overflows")
	}
}
