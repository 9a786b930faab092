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

// Behind one address some ports may be much farther away than the others: they are not
// believed silent because the others answer at once.
func TestPortsFartherThanTheirHost(t *testing.T) {
	const ms = time.Millisecond
	farther := map[uint16]time.Duration{400: 600 * ms, 600: 700 * ms, 844: 900 * ms, 901: 1200 * ms}
	for name, near := range map[string]simnet.Host{
		"the others refused": simnet.Linux(22, 80, 443),
		"the others silent":  simnet.Mux{Ports: map[uint16]simnet.Host{22: &simnet.Listener{}, 80: &simnet.Listener{}}, Default: simnet.Dropped{}},
	} {
		for _, ports := range [][]uint16{ranges16(1, 1000), {22, 80, 844, 901}, {22, 901}} {
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New(simnet.Config{Out: simnet.Path{Delay: ms}, Back: simnet.Path{Delay: ms}})
				a := netip.MustParseAddr("10.0.0.1")
				n.Handle(netip.PrefixFrom(a, 32), simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
					after, far := farther[in.Dst.Port()]
					switch {
					case !far:
						near.Respond(now, in, out)
					case in.Flags == craft.SYN:
						reply(after, accepting).Respond(now, in, out)
					}
				}))
				found, sum, err := scanNet(t, n, scan.Config{Targets: slices.Values(portsOf(a, ports...))})
				if err != nil {
					t.Fatal(err)
				}
				for port := range farther {
					if v, asked := found.ports[netip.AddrPortFrom(a, port)]; asked && v.State != probe.StateOpen {
						t.Errorf("%s, %d ports: %d is %v (%v) after %d attempts, of %v", name, len(ports), port, v.State, v.Reason, v.Attempts, sum.Took)
					}
				}
				if most := uint64(2*len(ports) + 20); sum.Sent > most {
					t.Errorf("%s, %d ports: %d sent", name, len(ports), sum.Sent)
				}
			})
		}
	}
}

// Nor is the one port that is asked for, because its host replied to an echo request at once.
func TestPortFartherThanTheReplyOfItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{})
		a := netip.MustParseAddr("10.0.0.1")
		n.Handle(netip.PrefixFrom(a, 32), simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN {
				reply(1220*time.Millisecond, accepting).Respond(now, in, out)
			}
		}))
		target := netip.AddrPortFrom(a, 80)
		near := func(netip.Addr) time.Duration { return 2 * time.Millisecond }
		found, sum, err := scanNet(t, n, scan.Config{Targets: slices.Values([]netip.AddrPort{target}), RoundTrip: near, Search: true})
		if v := found.ports[target]; err != nil || v.State != probe.StateOpen || sum.Took > 1300*time.Millisecond {
			t.Errorf("%v (%v) after %v: %v", v.State, v.Reason, sum.Took, err)
		}
	})
}

func ranges16(from, to uint16) (all []uint16) {
	for port := from; port <= to; port++ {
		all = append(all, port)
	}
	return all
}
