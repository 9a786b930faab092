package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// router is the last one before a network: it resolves each address that a segment
// comes for, remembers those that are not there for 3 s and the others for 5 s after
// the last, and drops what finds its table full, as Linux does.
type router struct {
	live  func(netip.Addr) bool
	until map[netip.Addr]time.Time
	full  int // segments dropped since the table was full
}

func (r *router) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	a := in.Dst.Addr()
	if until, known := r.until[a]; !known || !now.Before(until) {
		delete(r.until, a)
		if r.sweep(now); len(r.until) >= 1024 {
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

func (r *router) sweep(now time.Time) {
	for a, until := range r.until {
		if !now.Before(until) {
			delete(r.until, a)
		}
	}
}

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
		r := &router{until: map[netip.Addr]time.Time{}, live: func(a netip.Addr) bool { return a.As4()[3]%16 == 1 }}
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: time.Millisecond}, Back: simnet.Path{Delay: time.Millisecond}})
		prefix := netip.MustParsePrefix("10.0.0.0/21")
		n.Handle(prefix, r)
		conn := n.Conn(13)
		defer conn.Close()
		var all []netip.AddrPort
		for _, port := range []uint16{22, 80, 443} {
			for a := prefix.Addr(); prefix.Contains(a); a = a.Next() {
				all = append(all, netip.AddrPortFrom(a, port))
			}
		}
		found := states{}
		summary, err := scan.Run(t.Context(), routed{conn}, scan.Config{Targets: slices.Values(all)}, found)
		if err != nil || found[probe.StateRefused] != len(all)/16 || found[probe.StateFiltered] != len(all)-len(all)/16 || r.full > 0 {
			t.Errorf("%v, %v, %d segments found the table full, %v", err, found, r.full, summary.Took)
		}
		t.Logf("%v", summary.Took)
	})
}
