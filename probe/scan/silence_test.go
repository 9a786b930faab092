package scan_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// What answers while the run lasts is no silence, however late: the answers of a host that is farther away
// than anything is waited for, and those of a few ports behind a near address.
func TestLateAnswersCount(t *testing.T) {
	far := simnet.Path{Delay: time.Second}
	lone := simnet.Slow(simnet.Linux(7), 2500*ms)
	near := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Dst.Port() == 7 {
			lone.Respond(now, in, out)
		} else if in.Dst.Port()%10 == 0 {
			simnet.Linux().Respond(now, in, out)
		}
	})
	for name, c := range map[string]struct {
		path  simnet.Path
		host  simnet.Host
		open  []uint16
		rate  float64
		ports uint16
	}{
		"a far host":         {far, simnet.Linux(1, 2, 3, 22, 80), []uint16{1, 2, 3, 22, 80}, 0, 400},
		"a far host, slowly": {far, simnet.Linux(1, 2, 3, 22, 80), []uint16{1, 2, 3, 22, 80}, 100, 400},
		"a port farther off": {simnet.Path{Delay: 5 * ms}, near, []uint16{7}, 100, 800},
	} {
		inBubble(t, name, func(t *testing.T) {
			open := halfOpen{}
			found, s, err := world{Host: c.host, Config: simnet.Config{Out: c.path, Back: c.path, Observe: open.observe}}.scan(t, t.Context(),
				scan.Config{Targets: slices.Values(ranges(1, c.ports, target.Addr())), Rate: c.rate})
			for _, p := range c.open {
				if v := found.ports[netip.AddrPortFrom(target.Addr(), p)]; v.State != probe.StateOpen {
					t.Errorf("port %d is %v (%v): %v", p, v.State, v.Reason, err)
				}
			}
			if err != nil || !s.Complete || len(found.ports) != int(c.ports) || len(open) > 0 {
				t.Errorf("%v, complete %t, %d verdicts, %d connections half open", err, s.Complete, len(found.ports), len(open))
			}
			t.Logf("%d sent in %v: %v, %v", s.Sent, s.Took, s.States, s.Rejected)
		})
	}
}
