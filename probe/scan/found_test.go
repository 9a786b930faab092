package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// Every host is handed out once, at the end, with what its own answers show.
func TestWhatIsFoundOutOfHosts(t *testing.T) {
	router := netip.MustParseAddr("203.0.113.1")
	for name, tc := range map[string]struct {
		host   simnet.Host
		state  probe.HostState
		reason probe.Reason
	}{
		"answers":                {simnet.Linux(80), probe.HostUp, "reset"},
		"is silent":              {simnet.Dropped{}, probe.HostDown, "no-response"},
		"rejects by itself":      {simnet.Rejected{ICMP: simnet.ICMP{Type: 3, Code: 3}}, probe.HostUp, "port-unreachable"},
		"is absent, says router": {simnet.Rejected{ICMP: simnet.ICMP{From: router, Type: 3, Code: 1}}, probe.HostDown, "host-unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := world{Host: tc.host, Config: simnet.Config{Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms}}}
				before := time.Now()
				found, _, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(81, 84, target.Addr()))})
				h := found.hosts[target.Addr()]
				if err != nil || len(found.hosts) != 1 || h.State != tc.state || h.Reason != tc.reason || h.Ports != 4 {
					t.Errorf("%d hosts, %+v: %v", len(found.hosts), h, err)
				}
				if !h.Began.Equal(before) || h.Time.Sub(before) < 10*ms || h.Time.After(time.Now()) {
					t.Errorf("from %v to %v", h.Began.Sub(before), h.Time.Sub(before))
				}
				if up := tc.state == probe.HostUp; up != (h.RTT == 10*ms) {
					t.Errorf("RTT %v", h.RTT)
				}
			})
		})
	}
}

// A verdict says when its answer came, silence when it was given up; the loss
// is that of ports that answered.
func TestVerdictsHaveTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		firstIsLost := map[uint16]bool{}
		host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			port := in.Dst.Port()
			if port == 90 || port%2 == 0 && !firstIsLost[port] {
				firstIsLost[port] = true
				return
			}
			simnet.Closed{}.Respond(now, in, out)
		})
		w := world{Host: host, Config: simnet.Config{Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms}}}
		start := time.Now()
		found, _, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(append(ranges(81, 84, target.Addr()), netip.AddrPortFrom(target.Addr(), 90)))})
		if err != nil {
			t.Fatal(err)
		}
		for pair, v := range found.ports {
			took := v.Time.Sub(start)
			switch answered := v.Reason == probe.ReasonReset; {
			case answered && (took < 10*ms || took > found.at[pair]):
				t.Errorf("%v: answered after %v, told after %v", pair, took, found.at[pair])
			case !answered && took != found.at[pair]:
				t.Errorf("%v: given up after %v, told after %v", pair, took, found.at[pair])
			case answered == (v.Confidence > 0):
				t.Errorf("%v: confidence %v", pair, v.Confidence)
			}
		}
		if share, ok := found.hosts[target.Addr()].Loss.Share(); !ok || share != 2./6 {
			t.Errorf("loss %v, want 2 of 6", share)
		}
		if _, ok := (probe.HostLoss{}).Share(); ok {
			t.Error("loss is told of a host that answered nothing")
		}
	})
}
