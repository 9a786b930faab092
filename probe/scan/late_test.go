package scan_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe/internal/probetest"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// lateRefusals is a host whose open ports answer at once and whose refusals come late.
type lateRefusals struct {
	open  simnet.Mux
	after time.Duration
}

func (l lateRefusals) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if l.open.Ports[in.Dst.Port()] != nil {
		l.open.Respond(now, in, out)
		return
	}
	if rst, ok := simnet.ResetFor(in, 64); ok {
		out.Segment(l.after, &rst)
	}
}

// scanLate probes ports of such a host, and tells how many verdicts are right.
func scanLate(t *testing.T, ports uint16, host simnet.Host, closed probe.State) (right int, sum probe.Summary) {
	t.Helper()
	n := simnet.New(simnet.Config{Out: simnet.Path{Delay: time.Millisecond}, Back: simnet.Path{Delay: time.Millisecond}})
	a := netip.MustParseAddr("10.0.0.1")
	n.Handle(netip.PrefixFrom(a, 32), host)
	found, s, err := scanNet(t, n, scan.Config{Targets: slices.Values(ranges(1, ports, a))})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found.ports {
		want := closed
		if slices.Contains([]uint16{22, 80, 443}, v.Target.Port()) {
			want = probe.StateOpen
		}
		if v.State == want {
			right++
		}
	}
	t.Logf("%d ports: %d right, %d sent, %v", ports, right, s.Sent, s.Took)
	return right, s
}

// Refusals that come later than a second are waited for, where others that are as late come
// while the run lasts: a slow firewall is none that is silent.
func TestLateRefusals(t *testing.T) {
	probetest.Plain(t)
	const ms = time.Millisecond
	for _, c := range []struct {
		ports uint16
		after time.Duration
	}{{1000, 900 * ms}, {1000, 1050 * ms}, {1000, 1200 * ms}, {10000, 1200 * ms}, {60000, 1200 * ms}, {60000, 2500 * ms}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				right, s := scanLate(t, c.ports, lateRefusals{simnet.Linux(22, 80, 443), c.after}, probe.StateRefused)
				if right != int(c.ports) || s.Sent > 2*uint64(c.ports)+20 {
					t.Errorf("%d of %d right, %d sent", right, c.ports, s.Sent)
				}
			})
		})
	}
}

// To wait for late answers costs a host whose other ports are silent hardly any time: a
// quarter of a second more than the second, less the time in which many leave.
func TestSilentPortsWaitNoLonger(t *testing.T) {
	for ports, most := range map[uint16]time.Duration{20: 1260 * time.Millisecond, 1000: 1270 * time.Millisecond, 10000: 1430 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			host := simnet.Linux(22, 80, 443)
			host.Default = simnet.Dropped{}
			if ports < 22 {
				host.Ports = map[uint16]simnet.Host{1: &simnet.Listener{}}
			}
			if _, s := scanLate(t, ports, host, probe.StateFiltered); s.Took > most {
				t.Errorf("%d ports took %v", ports, s.Took)
			}
		})
	}
}
