package scan_test

import (
	"context"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"

	"synscope/probe"
	"synscope/probe/discover"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// sparse is a network of 250 addresses, of which some are there and answer one port alone.
func sparse(hosts int, port uint16, loss float64, h simnet.Host) (n *simnet.Net, all []netip.Addr) {
	way := simnet.Path{Delay: 5 * ms, Loss: loss}
	n = simnet.New(simnet.Config{Seed: uint64(port), Out: way, Back: way})
	for a, i := netip.MustParseAddr("198.51.100.1"), 0; i < 250; a, i = a.Next(), i+1 {
		all = append(all, a)
		if i < hosts {
			n.HandleAddr(a.String(), simnet.OnPorts(h, func(p uint16) bool { return p == port }))
		}
	}
	return n, all
}

func at(all []netip.Addr, port uint16) func(func(netip.AddrPort) bool) {
	return func(yield func(netip.AddrPort) bool) {
		for _, a := range all {
			if !yield(netip.AddrPortFrom(a, port)) {
				return
			}
		}
	}
}

// lookByPort lets a scan of one port search, and counts the hosts that it calls up.
func lookByPort(t *testing.T, n *simnet.Net, all []netip.Addr, port uint16) (up int, found *collector, sum probe.Summary) {
	t.Helper()
	found, sum, err := scanNet(t, n, scan.Config{Targets: at(all, port), Search: true, Key: [16]byte{1}})
	if err != nil || !sum.Complete || len(found.hosts) != len(all) || sum.Probes != uint64(len(found.ports)) {
		t.Errorf("%d hosts, %d ports, %+v, %v", len(found.hosts), len(found.ports), sum, err)
	}
	for a, h := range found.hosts {
		_, told := found.ports[netip.AddrPortFrom(a, port)]
		if isUp := h.State == probe.HostUp; isUp != told {
			t.Errorf("%v is %v (%s), port told of: %t", a, h.State, h.Reason, told)
		} else if isUp {
			up++
		}
	}
	return up, found, sum
}

// Hosts that answer later than they are waited for, and all of them do, are found all the same.
func TestSearchOfAFarNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := simnet.Path{Delay: 1250 * ms}
		n := simnet.New(simnet.Config{Out: way, Back: way})
		var all []netip.Addr
		for a, i := netip.MustParseAddr("198.51.100.1"), 0; i < 28; a, i = a.Next(), i+1 {
			all = append(all, a)
			if i < 8 {
				n.HandleAddr(a.String(), simnet.Linux(80))
			}
		}
		up, found, sum := lookByPort(t, n, all, 80)
		open := 0
		for _, v := range found.ports {
			if v.State == probe.StateOpen {
				open++
			}
		}
		t.Logf("%d up, %d open, %d packets in %v", up, open, sum.Sent, sum.Took)
		if up != 8 || open != 8 {
			t.Errorf("%d up, %d open, %d packets in %v", up, open, sum.Sent, sum.Took)
		}
	})
}

// A network that does not answer costs three packets a probe, and none of its ports is told of.
func TestSearchOfASilentNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, all := sparse(0, 80, 0, nil)
		up, found, sum := lookByPort(t, n, all, 80)
		if up != 0 || sum.Sent != 3*250 || len(found.ports) != 0 {
			t.Errorf("%d up, %d packets, %d ports", up, sum.Sent, len(found.ports))
		}
		if h := found.hosts[all[7]]; h.State != probe.HostDown || h.Reason != probe.ReasonNoResponse || h.Ports != 0 || h.Time.IsZero() {
			t.Errorf("%+v", h)
		}
	})
}

// Whoever answers is up, open or not, and costs the others nothing where no packet is lost.
func TestSearchFindsWhoAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		host  simnet.Host
		state probe.State
	}{"open": {probetest.Listener(), probe.StateOpen}, "refused": {simnet.Closed{}, probe.StateRefused}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, all := sparse(50, 80, 0, tc.host)
				up, found, sum := lookByPort(t, n, all, 80)
				if v := found.ports[netip.AddrPortFrom(all[0], 80)]; up != 50 || v.State != tc.state || sum.Sent > 3*250 {
					t.Errorf("%d up, %v, %d packets", up, v.State, sum.Sent)
				}
			})
		})
	}
}

// A router's word is why a host is down, and no verdict on its port.
func TestSearchHearsOfARouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, all := sparse(1, 80, 0, simnet.Rejected{ICMP: simnet.ICMP{From: netip.MustParseAddr("203.0.113.1"), Type: 3, Code: 1}})
		up, found, _ := lookByPort(t, n, all, 80)
		if h := found.hosts[all[0]]; up != 0 || h.Reason != "host-unreachable" || len(found.ports) != 0 {
			t.Errorf("%d up, %+v, %d ports", up, h, len(found.ports))
		}
	})
}

// With a fifth lost each way a search by the port finds as many hosts as one that asks by
// itself, and as a scan of every address.
func TestSearchWhereMuchIsLost(t *testing.T) {
	const hosts, port = 200, 443
	var byItself, everywhere, byPort int
	synctest.Test(t, func(t *testing.T) {
		n, all := sparse(hosts, port, 0.2, probetest.Listener())
		conn := n.Conn(13)
		defer conn.Close()
		_, err := discover.Run(t.Context(), conn, discover.Config{Hosts: func(yield func(netip.Addr) bool) {
			for _, a := range all {
				if !yield(a) {
					return
				}
			}
		}, Key: [16]byte{1}}, func(h discover.Host) error {
			if h.Up {
				byItself++
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n, all := sparse(hosts, port, 0.2, probetest.Listener())
		found, _, err := scanNet(t, n, scan.Config{Targets: at(all, port), Key: [16]byte{1}})
		if err != nil {
			t.Error(err)
		}
		for _, v := range found.ports {
			if v.State == probe.StateOpen {
				everywhere++
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n, all := sparse(hosts, port, 0.2, probetest.Listener())
		byPort, _, _ = lookByPort(t, n, all, port)
	})
	t.Logf("of %d: %d by itself, %d by a scan of every address, %d by the port", hosts, byItself, everywhere, byPort)
	if byPort < hosts*94/100 || byPort < everywhere-hosts/25 {
		t.Errorf("%d by the port, %d by a scan of every address", byPort, everywhere)
	}
}

// What this machine does not send says nothing of a host.
func TestSearchBehindOwnFirewall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{SendError: func([]byte) error { return syscall.EPERM }})
		found, _, err := scanNet(t, n, scan.Config{Targets: at([]netip.Addr{target.Addr()}, 80), Search: true})
		v, h := found.ports[netip.AddrPortFrom(target.Addr(), 80)], found.hosts[target.Addr()]
		if err != nil || v.Reason != probe.ReasonLocalFirewall || h.State != probe.HostUnknown {
			t.Errorf("%+v, %+v, %v", v, h, err)
		}
	})
}

// A search that is interrupted calls nobody down whom it has not waited for.
func TestSearchInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, all := sparse(0, 80, 0, nil)
		conn := n.Conn(13)
		defer conn.Close()
		found := newCollector()
		ctx, cancel := context.WithTimeout(t.Context(), 300*ms)
		defer cancel()
		sum, err := scan.Run(ctx, conn, scan.Config{Targets: at(all, 80), Search: true, Rate: 100}, found)
		if err != probe.ErrInterrupted || sum.Complete || len(found.ports) != 0 || len(found.hosts) != 0 {
			t.Errorf("%d hosts, %d ports, %+v, %v", len(found.hosts), len(found.ports), sum, err)
		}
	})
}
