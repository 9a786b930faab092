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
		var all []netip.AddrPort
		for _, port := range []uint16{22, 80, 443} {
			for _, a := range addrs {
				all = append(all, netip.AddrPortFrom(a, port))
			}
		}
		found := states{}
		summary, err := scan.Run(t.Context(), routed{conn}, scan.Config{Targets: slices.Values(all)}, found)
		if err != nil || found[probe.StateRefused] != len(all)/16 || found[probe.StateFiltered] != len(all)-len(all)/16 || r.Full > 0 {
			t.Errorf("%v, %v, %d segments found the table full, %v", err, found, r.Full, summary.Took)
		}
		t.Logf("%v", summary.Took)
	})
}
