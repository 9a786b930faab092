package scan_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"synscope/probe/internal/probetest"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// A way that becomes longer in mid-scan is taken for a queue once, and not for ever: the scan goes on at
// its pace.
func TestLongerWayIsNoQueue(t *testing.T) {
	probetest.Plain(t)
	const ports = 4000
	for _, hosts := range []int{1, 10} {
		for _, rate := range []float64{0, 500} {
			for _, longer := range []time.Duration{40 * ms, 400 * ms} {
				for _, expected := range []time.Duration{0, 20 * ms} {
					inBubble(t, fmt.Sprint(hosts, rate, longer, expected), func(t *testing.T) {
						w := world{Host: growing(everyTenth(ports), 150*ms, longer), Config: over(0)}
						cfg := scan.Config{Targets: slices.Values(ranges(1, uint16(ports/hosts), addresses(hosts)...)), Rate: rate, HostsKnown: true}
						if expected > 0 {
							cfg.RoundTrip = func(netip.Addr) time.Duration { return expected }
						}
						_, s, err := w.scan(t, t.Context(), cfg)
						limit, most := 15*time.Second, ports*11/10
						if rate == 0 && longer > 100*ms { // all of them left in a fraction of that
							most = 2 * ports
						}
						if rate > 0 {
							limit += time.Duration(ports / rate * float64(time.Second))
						}
						if err != nil || s.States[probe.StateFiltered] > 0 || s.Took > limit || s.Sent > uint64(most) {
							t.Errorf("%v by %d packets in %v: %v", s.States, s.Sent, s.Took, err)
						}
						t.Log(s.Took, s.Sent)
					})
				}
			}
		}
	}
}

// growing is a host to which the way is longer after a time.
func growing(near simnet.Host, after, longer time.Duration) simnet.Host {
	far, began := simnet.Slow(near, longer), time.Now()
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if now.Sub(began) < after {
			near.Respond(now, in, out)
		} else {
			far.Respond(now, in, out)
		}
	})
}

// Who interrupts a scan while a queue overflows is not told that a host went silent.
func TestInterruptedBehindAQueue(t *testing.T) {
	for stop := 500 * ms; stop < 6*time.Second; stop += 500 * ms {
		synctest.Test(t, func(t *testing.T) {
			cfg := over(0)
			cfg.Back.Limit = simnet.Limit{Rate: 50, Queue: 50, Shared: true}
			ctx, cancel := context.WithTimeout(t.Context(), stop)
			defer cancel()
			found, s, _ := world{Host: everyTenth(500), Config: cfg}.scan(t, ctx,
				scan.Config{Targets: slices.Values(ranges(1, 500, target.Addr())), HostsKnown: true, Retries: 2})
			for _, v := range found.ports {
				if v.Reason == probe.ReasonWentSilent {
					t.Fatalf("stopped after %v: %v is %v (%v); %v", stop, v.Target, v.State, v.Err, s.States)
				}
			}
		})
	}
}
