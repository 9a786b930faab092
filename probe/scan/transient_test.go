package scan_test

import (
	"fmt"
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

// rejects is a router that answers a SYN by an ICMP error, or no host's port.
func rejects(from string, typ, code uint8) simnet.Host {
	m := simnet.ICMP{Type: typ, Code: code}
	if from != "" {
		m.From = netip.MustParseAddr(from)
	}
	return simnet.Rejected{ICMP: m}
}

// An error of a router that may pass is asked about once more, a second later, where few ports are
// asked for; others, those of the host itself, and where many are asked for, are not.
func TestTransientErrors(t *testing.T) {
	const v4, v6, router4, router6 = "198.51.100.7", "2001:db8:1::7", "203.0.113.1", "2001:db8:2::1"
	open, dead := probe.StateOpen, probe.StateFiltered
	for _, tc := range []struct {
		addr  string
		error simnet.Host
		cfg   scan.Config
		then  probe.State // of a port that is open from the second SYN on
		asked int         // transmissions where it stays as it was
	}{
		{v4, rejects(router4, 3, 0), scan.Config{}, open, 2},
		{v4, rejects(router4, 3, 1), scan.Config{}, open, 2},
		{v4, rejects(router4, 3, 5), scan.Config{}, open, 2},
		{v4, rejects(router4, 11, 0), scan.Config{}, open, 2},
		{v4, rejects(router4, 11, 0), scan.Config{TTL: 3}, dead, 1},
		{v4, rejects(router4, 3, 13), scan.Config{}, dead, 1},
		{v4, rejects(router4, 3, 3), scan.Config{}, dead, 1},
		{v4, rejects("", 3, 1), scan.Config{}, dead, 1},
		{v4, rejects(router4, 3, 1), scan.Config{Retries: -1}, dead, 1},
		{v4, rejects(router4, 3, 1), scan.Config{Retries: 1}, open, 2},
		{v6, rejects(router6, 1, 0), scan.Config{}, open, 2},
		{v6, rejects(router6, 1, 3), scan.Config{}, open, 2},
		{v6, rejects(router6, 3, 0), scan.Config{}, open, 2},
		{v6, rejects(router6, 1, 1), scan.Config{}, dead, 1},
		{v6, rejects(router6, 1, 4), scan.Config{}, dead, 1},
	} {
		for _, ports := range []uint16{1, 5, 40} {
			for _, passes := range []bool{true, false} {
				inBubble(t, fmt.Sprint(tc.error, ports, passes), func(t *testing.T) {
					host := tc.error
					if passes {
						host = inTurn(tc.error, &simnet.Listener{})
					}
					w := world{Host: host, Config: simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 20 * ms}}}
					cfg := tc.cfg
					cfg.Targets = slices.Values(ranges(80, 79+ports, netip.MustParseAddr(tc.addr)))
					found, sum, err := w.scan(t, t.Context(), cfg)
					want, asked := dead, tc.asked
					if passes {
						want = tc.then
					}
					if ports > 8 {
						want, asked = dead, 1
					}
					if err != nil || sum.States[want] != uint64(ports) || int(sum.Sent) != asked*int(ports) {
						t.Errorf("%v, %d sent: %v", sum.States, sum.Sent, err)
					}
					if limit := time.Duration(asked-1)*time.Second + 700*ms; sum.Took > limit { // 600 ms for something better
						t.Errorf("took %v", sum.Took)
					}
					for _, v := range found.ports {
						if v.Attempts != asked || v.RTT != 30*ms {
							t.Errorf("%v: %d attempts, RTT %v", v.Target, v.Attempts, v.RTT)
						}
					}
				})
			}
		}
	}
}

// Where the second transmission is answered by silence, the error stands, and costs a second and a half.
func TestTransientErrorThenSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{Host: inTurn(rejects("203.0.113.1", 3, 1), nil)}
		found, sum, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values([]netip.AddrPort{target})})
		v := found.ports[target]
		if err != nil || v.Reason != "host-unreachable" || v.Attempts != 2 || sum.Took > 1500*ms {
			t.Errorf("%v (%v) after %d attempts in %v: %v", v.State, v.Reason, v.Attempts, sum.Took, err)
		}
	})
}

// A route that goes round a loop for some source ports is no verdict.
func TestLoopOfSomePorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop, l := rejects("203.0.113.1", 11, 0), &simnet.Listener{}
		w := world{Host: simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Src.Port()%2 == 0 {
				loop.Respond(now, in, out)
				return
			}
			l.Respond(now, in, out)
		})}
		found, _, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values([]netip.AddrPort{target})})
		if v := found.ports[target]; err != nil || v.State != probe.StateOpen {
			t.Errorf("%v (%v) after %d attempts: %v", v.State, v.Reason, v.Attempts, err)
		}
	})
}
