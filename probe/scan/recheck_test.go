package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// Ports that are asked again at the end tell nothing of the loss: nothing was lost.
func TestAskingAgainIsNoLoss(t *testing.T) {
	for _, then := range []simnet.Host{simnet.Closed{}, probetest.Reject(3, 13), probetest.Listener()} {
		synctest.Test(t, func(t *testing.T) {
			host := after(150, everyTenth(300), then)
			found, s, err := world{Host: host, Config: over(0)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, 300, target.Addr())), Rate: 1000, Canaries: true})
			h := found.hosts[target.Addr()]
			if err != nil || !probetest.Found(h.Findings, "answers-changed") || h.Loss.Unanswered > 0 || s.Loss.Unanswered > 0 {
				t.Errorf("loss of the host %+v, of the run %+v, findings %v: %v", h.Loss, s.Loss, probetest.Codes(h.Findings), err)
			}
		})
	}
}

// A port that keeps silent when it is asked again is waited for no longer than others of its host.
func TestAskingAgainInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := after(302, after(150, everyTenth(300), probetest.Reject(3, 13)), simnet.Dropped{})
		_, s, err := world{Host: host, Config: over(0)}.scan(t, t.Context(),
			scan.Config{Targets: slices.Values(ranges(1, 300, target.Addr())), Rate: 1000, Canaries: true})
		if err != nil || s.Sent < 300+2*3 || s.Took > 2*time.Second {
			t.Errorf("%d packets in %v: %v", s.Sent, s.Took, err)
		}
	})
}

// A port that nobody serves, as it seems, may be the very one that is to be asked again: one probe does for both.
func TestCanaryThatIsAskedAgain(t *testing.T) {
	canary := uint16(0)
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			syns := map[uint16]int{}
			turned := after(5, &simnet.Listener{TTL: 64}, simnet.Closed{TTL: 50})
			host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
				if in.Flags == craft.SYN {
					syns[in.Dst.Port()]++
				}
				turned.Respond(now, in, out)
			})
			targets := ranges(80, 105, target.Addr())
			if canary > 0 {
				targets = slices.Insert(targets, 2, netip.AddrPortFrom(target.Addr(), canary))
			}
			found, _, err := world{Host: host, Config: over(0)}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(targets), Rate: 1000, Canaries: true, Key: [16]byte{3}})
			if err != nil || canary > 0 && (syns[canary] != 2 || found.ports[targets[2]].State != probe.StateOpen) {
				t.Errorf("%d SYNs to port %d, which was %v: %v", syns[canary], canary, found.ports[targets[2]].State, err)
			}
			for port := range syns {
				canary = max(canary, port)
			}
			if canary < 49152 {
				t.Fatalf("no canary: %v", syns)
			}
		})
	}
}
