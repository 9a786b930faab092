package scan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// What is asked while nothing gets through, to any host, counts for nothing, whenever that begins and however long it lasts.
func TestOutagesOfTheWholeWay(t *testing.T) {
	const ports = 300
	wrong, worst, all := 0, "", 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		hosts, from, lasts := 2+r.IntN(40), time.Duration(100+r.IntN(400))*ms, time.Duration(500+r.IntN(3500))*ms
		loss, refuses := []float64{0, 0, 0.02, 0.1}[r.IntN(4)], r.IntN(3) > 0
		synctest.Test(t, func(t *testing.T) {
			way := simnet.Path{Delay: time.Duration(1+r.IntN(30)) * ms, Loss: loss}
			n, list := simnet.New(simnet.Config{Out: way, Back: way, Seed: seed}), addresses(hosts)
			want := probe.StateRefused
			for _, a := range list {
				host := simnet.Host(simnet.Linux(22, 40))
				if !refuses {
					host, want = firewalled(22, 40)(), probe.StateFiltered
				}
				n.HandleAddr(a.String(), simnet.Away(host, from, from+lasts))
			}
			conn := n.Conn(13)
			defer conn.Close()
			targets := append(ranges(22, 22, list...), append(ranges(1, 21, list...), ranges(23, ports, list...)...)...)
			sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(targets), Total: uint64(len(targets)), Key: [16]byte{1}, Canaries: true}, newCollector())
			bad := 2*hosts - int(sum.States[probe.StateOpen]) + hosts*(ports-2) - int(sum.States[want])
			what := fmt.Sprintf("seed %d: %d hosts, loss %v, refuses %t, away %v for %v: %d wrong, %v, %d packets, %v, %v", seed, hosts, loss, refuses, from, lasts, bad, sum.States, sum.Sent, sum.Took, err)
			if t.Log(what); bad > 0 {
				worst = what
			}
			wrong, all = wrong+bad, all+len(targets)
		})
	}
	if wrong > all/2000 {
		t.Errorf("%d of %d wrong: %s", wrong, all, worst)
	}
}
