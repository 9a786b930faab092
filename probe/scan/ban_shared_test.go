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

// behind is a host behind a firewall that others are behind too.
type behind struct {
	simnet.Host
	wall *banner
}

func (b behind) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	b.wall.Host = b.Host
	b.wall.Respond(now, in, out)
}

// Hosts behind one firewall that bans who sends too fast to all of them together are scanned slowly enough.
func TestSharedBans(t *testing.T) {
	var fails []string
	const hosts, ports = 20, 50
	for _, refuses := range []bool{true, false} {
		for _, renew := range []bool{false, true} {
			for _, lasts := range []time.Duration{3 * time.Second, 5 * time.Second} {
				synctest.Test(t, func(t *testing.T) {
					n, list := simnet.New(simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 10 * ms}}), addresses(hosts)
					wall := bansAt(nil, 50, 50, lasts)
					wall.renew = renew
					want := probe.StateRefused
					for _, a := range list {
						if host := simnet.Host(simnet.Linux(22, 40)); refuses {
							n.HandleAddr(a.String(), behind{host, wall})
						} else {
							want = probe.StateFiltered
							n.HandleAddr(a.String(), behind{firewalled(22, 40)(), wall})
						}
					}
					conn := n.Conn(13)
					defer conn.Close()
					all := append(ranges(22, 22, list...), append(ranges(1, 21, list...), ranges(23, ports, list...)...)...)
					sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all), Total: hosts * ports, Key: [16]byte{1}}, newCollector())
					what := fmt.Sprintf("renewed %t, %v: %v, %d bans, %d packets, %v, %v", renew, lasts, sum.States, wall.times, sum.Sent, sum.Took, err)
					if t.Log(what); err != nil || sum.States[probe.StateOpen] != 2*hosts || sum.States[want] != hosts*(ports-2) {
						fails = append(fails, what)
					}
				})
			}
		}
	}
	for _, f := range fails {
		t.Error(f)
	}
}

// Hosts that are switched off together are no ban of all: the others are scanned as before, and the run waits for one rest more at most.
func TestHostsSwitchedOffTogetherAreNoBan(t *testing.T) {
	for _, refuses := range []bool{true, false} {
		for _, lost := range []float64{0, 0.05} {
			for _, off := range []int{2, 20, 40} {
				synctest.Test(t, func(t *testing.T) { switchOff(t, refuses, lost, off) })
			}
		}
	}
}

func switchOff(t *testing.T, refuses bool, lost float64, off int) {
	const hosts, ports = 40, 300
	way := simnet.Path{Delay: 10 * ms, Loss: lost}
	n, list := simnet.New(simnet.Config{Out: way, Back: way}), addresses(hosts)
	want := probe.StateRefused
	for i, a := range list {
		host := simnet.Host(simnet.Linux(22, 40))
		if !refuses {
			host, want = firewalled(22, 40)(), probe.StateFiltered
		}
		if i < off {
			host = simnet.Away(host, 100*ms, forever)
		}
		n.HandleAddr(a.String(), host)
	}
	conn := n.Conn(13)
	defer conn.Close()
	all := append(ranges(22, 22, list...), append(ranges(1, 21, list...), ranges(23, ports, list...)...)...)
	found := newCollector()
	sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all), Total: hosts * ports, Key: [16]byte{1}}, found)
	right := 0
	for _, a := range list[off:] {
		for p := uint16(1); p <= ports; p++ {
			if s := found.ports[netip.AddrPortFrom(a, p)].State; s == want && p != 22 && p != 40 || s == probe.StateOpen && (p == 22 || p == 40) {
				right++
			}
		}
	}
	wrong := (hosts-off)*ports - right
	what := fmt.Sprintf("refuses %t, loss %v, %d off: %d wrong, %v, %d packets, %v, %v", refuses, lost, off, wrong, sum.States, sum.Sent, sum.Took, err)
	if t.Log(what); wrong > hosts*ports/2000 || sum.Took > time.Minute {
		t.Error(what)
	}
}
