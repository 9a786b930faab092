package scan

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/simnet"
)

// counted counts verdicts.
type counted map[probe.State]int

func (c counted) Port(v probe.Verdict) error { c[v.State]++; return nil }
func (counted) Host(probe.HostReport) error  { return nil }
func (c counted) total() (n int) {
	return c[probe.StateOpen] + c[probe.StateRefused] + c[probe.StateFiltered]
}
func crossed(hosts, ports int) (l []netip.AddrPort) { // the ports of one host lie apart
	for port := range ports {
		for h := range hosts {
			l = append(l, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(h + 1)}), uint16(port+1)))
		}
	}
	return l
}

// engineOver is an engine before hosts 20 ms away that answer 300 times a second each.
func engineOver(t *testing.T, targets []netip.AddrPort, found counted) *engine {
	way := simnet.Path{Delay: 10 * time.Millisecond}
	back := way
	back.Limit = simnet.Limit{Rate: 300, Burst: 20}
	n := simnet.New(simnet.Config{Out: way, Back: back})
	n.Handle(netip.MustParsePrefix("10.0.1.0/24"), simnet.Mux{Ports: map[uint16]simnet.Host{80: &simnet.Listener{}}, Default: simnet.Closed{}})
	conn := n.Conn(1)
	t.Cleanup(func() { conn.Close() })
	cfg := &Config{Targets: slices.Values(targets), Rate: 10_000}
	if err := cfg.complete(conn); err != nil {
		t.Fatal(err)
	}
	e, err := newEngine(conn, cfg, found)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestUnsentPortsHaveNoRecord: many ports wait until the limits of their hosts open, few are in flight.
func TestUnsentPortsHaveNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hosts, ports = 20, 1000
		found := counted{}
		e := engineOver(t, crossed(hosts, ports), found)
		if err := e.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found[probe.StateOpen] != hosts || found.total() != hosts*ports {
			t.Errorf("%v of %d ports", found, hosts*ports)
		}
		if records := len(e.flights.slabs) * slabSize; records > hosts*ports/2 {
			t.Errorf("%d records for %d ports", records, hosts*ports)
		}
	})
}

// TestUnsentPortsOfAnInterruptedScan: they count as not finished, each once.
func TestUnsentPortsOfAnInterruptedScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hosts, ports = 20, 1000
		found := counted{}
		e := engineOver(t, crossed(hosts, ports), found)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.run(ctx); !errors.Is(err, probe.ErrInterrupted) {
			t.Fatal(err)
		}
		told := found.total()
		if left := int(e.Counters.Unfinished); left == 0 || told == 0 || told+left > hosts*ports || e.flights.live != 0 || e.ready.unsent != 0 {
			t.Errorf("%d told and %d unfinished of %d, %d in flight, %d wait", told, left, hosts*ports, e.flights.live, e.ready.unsent)
		}
		for _, h := range e.hosts.all() {
			if h.flights != 0 {
				t.Errorf("%v: %d in flight", h.addr, h.flights)
			}
		}
	})
}
