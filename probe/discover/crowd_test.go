package discover

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
)

// router is the last one before a network: it resolves each address that a
// segment comes for, remembers those that are not there for 3 s and the others
// for 5, and drops what finds its table full, as Linux does.
type router struct {
	live  func(netip.Addr) bool
	until map[netip.Addr]time.Time
	full  int // segments dropped since the table was full
}

func (r *router) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	a := in.Dst.Addr()
	for other, until := range r.until {
		if !now.Before(until) {
			delete(r.until, other)
		}
	}
	if _, known := r.until[a]; !known {
		if len(r.until) >= 1024 {
			r.full++
			return
		}
		r.until[a] = now.Add(3 * time.Second)
	}
	if r.live(a) {
		r.until[a] = now.Add(5 * time.Second)
		simnet.Closed{}.Respond(now, in, out)
	}
}

// TestSmallTableOfARouter: hosts behind a router with a small table are found,
// whatever share of a network is there.
func TestSmallTableOfARouter(t *testing.T) {
	for name, every := range map[string]uint32{"one in 64": 64, "one in 3": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &router{until: map[netip.Addr]time.Time{}, live: func(a netip.Addr) bool {
					b := a.As4()
					return (uint32(b[2])<<8|uint32(b[3]))%every == 0
				}}
				n := simnet.New(simnet.Config{Out: simnet.Path{Delay: time.Millisecond}, Back: simnet.Path{Delay: time.Millisecond}})
				prefix := netip.MustParsePrefix("10.0.0.0/21")
				n.Handle(prefix, r)
				conn := n.Conn(2)
				defer conn.Close()
				want, up := 0, 0
				var all []netip.Addr
				for a := prefix.Addr(); prefix.Contains(a); a = a.Next() {
					all = append(all, a)
					if r.live(a) {
						want++
					}
				}
				summary, err := Run(t.Context(), conn, Config{Hosts: slices.Values(all), Total: 2048}, func(h Host) error {
					if h.Up {
						up++
					}
					return nil
				})
				if err != nil || up != want || r.full > 0 {
					t.Errorf("%d of %d found, %d segments dropped: %v", up, want, r.full, err)
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
