package probe_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe/handshake"
	"synscope/probe/simnet"
)

// routed is a network behind a router.
type routed struct{ *simnet.Conn }

func (r routed) Route(a netip.Addr) (netraw.Route, error) {
	route, err := r.Conn.Route(a)
	route.NextHop = netip.MustParseAddr("192.0.2.1")
	if a.Is6() {
		route.NextHop = netip.MustParseAddr("fe80::1")
	}
	return route, err
}

// inVain is the last router before an address that nobody has: three requests for a link address after the first
// segment, it tells of all that came until then.
func inVain(e simnet.ICMP) simnet.Host {
	var until time.Time
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if until.Before(now) {
			until = now.Add(3070 * time.Millisecond)
		}
		simnet.Slow(simnet.Rejected{ICMP: e}, until.Sub(now)).Respond(now, in, out)
	})
}

// What a router says of an absent host, three seconds after the first SYN, is read by whoever asks for longer than
// one second. A sampler of ISNs gives a silent port up before.
func TestAbsentHostBehindRouter(t *testing.T) {
	for _, f := range families {
		for _, e := range engines {
			if e.name == "sample" {
				continue
			}
			t.Run(f.name+"/"+e.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := simnet.New(simnet.Config{Back: simnet.Path{Delay: time.Millisecond}})
					n.HandleAddr(f.target, inVain(f.unreachable()))
					conn := n.Conn(e.ports, simnet.WatchOutgoing())
					defer conn.Close()
					began := time.Now()
					got, err := e.ask(t.Context(), routed{conn}, netip.AddrPortFrom(f.addr(), 80))
					if err != nil || got.state != filtered || got.reason == "no-response" {
						t.Errorf("%s (%s) after %v: %v", got.state, got.reason, time.Since(began), err)
					}
				})
			})
		}
	}
}

// A single segment waits for it too, unless its wait is below a second.
func TestSegmentToAbsentHostBehindRouter(t *testing.T) {
	for _, f := range families {
		for wait, want := range map[time.Duration]int{0: 1, 900 * time.Millisecond: 0} {
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New(simnet.Config{Back: simnet.Path{Delay: time.Millisecond}})
				n.HandleAddr(f.target, inVain(f.unreachable()))
				conn := n.Conn(1, simnet.WatchOutgoing())
				defer conn.Close()
				route, _ := conn.Route(f.addr())
				cfg := handshake.ExchangeConfig{Wait: wait, Segment: craft.Segment{
					Src: netip.AddrPortFrom(route.Source, conn.Ports()[0]), Dst: netip.AddrPortFrom(f.addr(), 80), Flags: craft.SYN, TTL: 64,
				}}
				came := 0
				cfg.OnSegment = func(l handshake.Line) {
					if l.ICMP != nil {
						came++
					}
				}
				began := time.Now()
				if s, err := handshake.Exchange(t.Context(), routed{conn}, cfg); err != nil || came != want || int(s.Matched) != want {
					t.Errorf("%s, wait %v: %d ICMP errors, %d matched after %v: %v", f.name, wait, came, s.Matched, time.Since(began), err)
				}
			})
		}
	}
}
