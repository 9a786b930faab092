package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// routed is a network behind a router.
type routed struct{ *simnet.Conn }

func (r routed) Route(a netip.Addr) (netraw.Route, error) {
	route, err := r.Conn.Route(a)
	route.NextHop = netip.MustParseAddr("192.0.2.1")
	return route, err
}

type states map[probe.State]int

func (s states) Port(v probe.Verdict) error  { s[v.State]++; return nil }
func (s states) Host(probe.HostReport) error { return nil }

// Hosts of which it is not known whether they are there do not fill the table of the
// router that resolves them.
func TestUnknownHostsBehindARouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &probetest.Router{Live: func(a netip.Addr) bool { return a.As4()[3]%16 == 1 }}
		conn, addrs := probetest.BehindRouter(r, 13)
		defer conn.Close()
		all := slices.Concat(ranges(22, 22, addrs...), ranges(80, 80, addrs...), ranges(443, 443, addrs...))
		found := states{}
		summary, err := scan.Run(t.Context(), routed{conn}, scan.Config{Targets: slices.Values(all)}, found)
		if err != nil || found[probe.StateRefused] != len(all)/16 || found[probe.StateFiltered] != len(all)-len(all)/16 || r.Full > 0 {
			t.Errorf("%v, %v, %d segments found the table full, %v", err, found, r.Full, summary.Took)
		}
		t.Logf("%v", summary.Took)
	})
}

// A search by one port minds that table too, at whatever rate it was told to send.
func TestSearchBehindARouter(t *testing.T) {
	for name, rate := range map[string]float64{"by its own pace": 0, "at 50,000 a second": 50_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &probetest.Router{Live: func(a netip.Addr) bool { return a.As4()[3]%16 == 1 }}
				conn, all := probetest.BehindRouter(r, 13)
				defer conn.Close()
				found := newCollector()
				sum, err := scan.Run(t.Context(), routed{conn}, scan.Config{Targets: at(all, 22), Rate: rate, Search: true}, found)
				if want := len(all) / 16; err != nil || len(found.ports) != want || len(found.hosts) != len(all) || r.Full > 0 || sum.Sent > uint64(3*len(all)) {
					t.Errorf("%v, %d of %d ports, %d hosts, %d segments found the table full, %d packets", err, len(found.ports), want, len(found.hosts), r.Full, sum.Sent)
				}
			})
		})
	}
}
