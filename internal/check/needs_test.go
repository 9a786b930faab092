package check

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"synscope/internal/target"
)

// Ports are gathered as one would by hand.
func TestWantedPorts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var w wanted
	naive := map[netip.Addr]map[uint16]bool{}
	var order []netip.Addr
	for range 300 {
		var hosts []netip.Addr
		for range r.IntN(4) {
			hosts = append(hosts, netip.AddrFrom4([4]byte{192, 0, 2, byte(r.IntN(20))}))
		}
		var ports []uint16
		for range r.IntN(5) {
			ports = append(ports, uint16(r.IntN(40)*1637))
		}
		w.add(hosts, ports...)
		for _, a := range hosts {
			if naive[a] == nil {
				naive[a] = map[uint16]bool{}
				order = append(order, a)
			}
			for _, p := range ports {
				naive[a][p] = true
			}
		}
	}
	var want []string
	for _, a := range order {
		want = append(want, a.String()+":"+target.PortsOf(slices.Collect(maps.Keys(naive[a]))...).String())
	}
	if got := w.lines(); !slices.Equal(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

// A network of which all ports are expected to be so or so takes no memory by the port.
func TestWideNeeds(t *testing.T) {
	p, hosts := planned(t, "expect:\n  - {targets: 10.0.0.0/19, open: 22, only: true, scope: all}\n  - {targets: 10.0.0.0/19, open: [22, 80], only: true, scope: all}\n")
	hosts["10.0.0.0/19"] = nil
	for i := range 1 << 13 {
		hosts["10.0.0.0/19"] = append(hosts["10.0.0.0/19"], netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := p.Needs(hosts)
	runtime.ReadMemStats(&after)
	if len(n.Scan) != 1<<13 || n.Scan[5] != "10.0.0.5:1-65535" {
		t.Errorf("%d lines, %.200v", len(n.Scan), n.Scan)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
		t.Errorf("%d MiB", took>>20)
	}
}
