package scan_test

import (
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/discover"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// searched looks for hosts, and probes the ports of those that are there over the same network.
func searched(t *testing.T, w world, hosts []netip.Addr, ports ...uint16) (*collector, probe.Summary, error) {
	conn := probetest.World(w).Conn()
	defer conn.Close()
	var up []netip.Addr
	s, err := discover.Begin(conn, discover.Config{Hosts: each(hosts)}, func(h discover.Host) error {
		if h.Up {
			up = append(up, h.Addr)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if more, err := s.Next(t.Context()); more || err != nil {
		t.Fatal(more, err)
	}
	var targets []netip.AddrPort
	for _, p := range ports {
		for _, a := range up {
			targets = append(targets, netip.AddrPortFrom(a, p))
		}
	}
	found := newCollector()
	sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: each(targets), HostsKnown: true, Earlier: s.Earlier()}, found)
	probetest.Balance(t, &sum)
	return found, sum, err
}

func each[T any](list []T) func(func(T) bool) {
	return func(yield func(T) bool) {
		for _, x := range list {
			if !yield(x) {
				return
			}
		}
	}
}

// bans drops everything of a peer that has asked for more than some ports.
func bans(host simnet.Host, ports int) simnet.Host {
	seen := map[netip.Addr]map[uint16]bool{}
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		a := in.Dst.Addr()
		if seen[a] == nil {
			seen[a] = map[uint16]bool{}
		}
		if in.Flags == craft.SYN {
			seen[a][in.Dst.Port()] = true
		}
		if len(seen[a]) <= ports {
			host.Respond(now, in, out)
		}
	})
}

// A port whose SYN-ACK the search saw is open though its host drops everything since, and what is silent
// beside it is so for the host's silence.
func TestWhatTheSearchSawIsOpen(t *testing.T) {
	for name, ports := range map[string]int{"all but one are dropped": 1, "two are answered": 2} {
		inBubble(t, name, func(t *testing.T) {
			hosts := addresses(16)
			path := simnet.Path{Delay: 100 * ms}
			found, s, err := searched(t, world{Host: bans(simnet.Linux(22, 80, 443), ports), Config: simnet.Config{Out: path, Back: path}}, hosts, 22, 80, 8080, 443)
			for _, a := range hosts {
				if v := found.ports[netip.AddrPortFrom(a, 443)]; v.State != probe.StateOpen || v.Reason != probe.ReasonSYNACK {
					t.Errorf("%v:443 is %v (%v): %v", a, v.State, v.Reason, err)
				}
			}
			if s.States[probe.StateFiltered] > 0 || s.WentSilent != s.States[probe.StateUnknown] || s.WentSilent == 0 {
				t.Errorf("%v, %d ports of hosts that went silent", s.States, s.WentSilent)
			}
		})
	}
}

// Answers to the search that come while ports are probed are no forgeries, and what they show to be half
// open is closed.
func TestAnswersToTheSearchComeLate(t *testing.T) {
	for _, delay := range []time.Duration{ms, 50 * ms, 300 * ms} {
		inBubble(t, delay.String(), func(t *testing.T) {
			open := halfOpen{}
			path := simnet.Path{Delay: delay, Jitter: delay / 2}
			found, s, err := searched(t, world{Host: simnet.AllOpen{}, Config: simnet.Config{Out: path, Back: path, Observe: open.observe}},
				addresses(16), 1, 2, 3, 4, 5, 443)
			for why, n := range s.Rejected {
				if why != "after-verdict" && why != "duplicate" {
					t.Errorf("%d %s", n, why)
				}
			}
			if err != nil || len(found.ports) != 16*6 || s.Rejected["after-verdict"] == 0 {
				t.Errorf("%v: %d ports, %v", err, len(found.ports), s.Rejected)
			}
			for _, h := range found.hosts {
				if len(h.Findings) > 0 {
					t.Errorf("%v: %v", h.Addr, h.Findings)
				}
			}
			if len(open) > 0 {
				t.Errorf("%d connections stay half open", len(open))
			}
		})
	}
}
