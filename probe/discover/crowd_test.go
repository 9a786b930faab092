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
				if most := Crowded(2048); summary.Took < most/2 || summary.Took > most+3*time.Second {
					t.Errorf("took %v, said %v at most beside the pace", summary.Took, most)
				}
			})
		})
	}
}

// A small network waits for nothing, and large ones wait beside each other.
func TestCrowded(t *testing.T) {
	second := func(d time.Duration) time.Duration { return d.Round(time.Second) }
	for n, want := range map[uint64]time.Duration{
		1: 0, 256: 0, 800: 0, 1024: 5 * time.Second, 4096: 20 * time.Second, 65536: 20 * time.Second, 1 << 17: 41 * time.Second,
	} {
		if got := second(Crowded(n)); got != want {
			t.Errorf("%d: %v, want %v", n, got, want)
		}
	}
	if Crowded(1<<64-1) <= 0 {
		t.Error("time overflows")
	}
}

// A search that pauses while its hosts wait for each other finds as many, and does
// not count the pauses.
func TestSearchPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &probetest.Router{Live: func(a netip.Addr) bool { return a.As4()[3]%4 == 0 }}
		conn, all := probetest.BehindRouter(r, 2)
		defer conn.Close()
		up, began := 0, time.Now()
		s, err := Begin(conn, Config{Hosts: slices.Values(all)}, func(h Host) error {
			if h.Up {
				up++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		pauses, more := 0, true
		for ; more; pauses++ {
			before := up
			if more, err = s.Next(t.Context()); err != nil || up == before {
				t.Fatalf("part %d: %d found, %v", pauses+1, up-before, err)
			}
			if more {
				time.Sleep(time.Second)
			}
		}
		sum, lasted := s.Summary(), time.Since(began)
		if pauses--; up != 512 || pauses < 1 || r.Full > 0 || !sum.Complete || sum.Took != lasted-time.Duration(pauses)*time.Second {
			t.Errorf("%d found, %d pauses, %d segments dropped, took %v of %v", up, pauses, r.Full, sum.Took, lasted)
		}
	})
}
