package scan_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"synscope/probe/internal/probetest"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// A slow link with a deep buffer: the round trip grows to seconds, and what does not fit is lost. Each
// port gets its verdict, and hardly any is asked into the queue again.
func TestQueueOnTheWay(t *testing.T) {
	probetest.Plain(t)
	for _, c := range []queueCase{
		{50, 3, 1.5, 1, false, 0}, {50, 1, 1.5, 1, false, 0}, {100, 2, 1.5, 1, false, 0}, {200, 1.5, 1.5, 1, false, 0}, {500, 1, 1.3, 1, false, 0}, {1000, 2, 1.3, 1, false, 0}, {20, 2, 1.5, 1, false, 0},
		{50, 3, 1.5, 10, false, 0}, {200, 1.5, 1.5, 10, false, 0}, // one queue before ten hosts
		{50, 3, 2, 1, true, 0}, {200, 2, 1.5, 1, true, 0},
		{50, 3, 5, 1, false, 50}, {100, 2, 9, 1, false, 90}, {50, 3, 4, 10, false, 50}, // two packets a silent port, at least
	} {
		for _, out := range []bool{false, true} {
			for seed := range uint64(3) {
				t.Run(fmt.Sprintf("%v out %v seed %d", c, out, seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { c.scan(t, out, seed) })
				})
			}
		}
	}
}

// queueCase is a link, and how many packets a port may take behind it.
type queueCase struct {
	rate, buffer float64 // packets a second, seconds of them
	most         float64
	hosts        int
	unknown      bool // how far the hosts are
	filtered     int  // the part of the ports of each host that is silent, in per cent
}

func (c queueCase) scan(t *testing.T, out bool, seed uint64) {
	const ports = 500
	slow := simnet.Path{Delay: time.Duration(1+seed*20) * time.Millisecond, Jitter: time.Duration(seed) * time.Millisecond}
	cfg := simnet.Config{Seed: seed, Out: slow, Back: slow}
	slow.Limit = simnet.Limit{Rate: c.rate, Queue: int(c.rate * c.buffer), Shared: true}
	if out {
		cfg.Out = slow
	} else {
		cfg.Back = slow
	}
	n := simnet.New(cfg)
	var all []netip.AddrPort
	want, a := states{}, netip.MustParseAddr("10.0.0.1")
	for range c.hosts {
		silent := c.silent()
		n.Handle(netip.PrefixFrom(a, 32), simnet.OnPorts(simnet.Linux(22, 80, 150, 300, 443), func(port uint16) bool { return !silent(port) }))
		for port := range uint16(ports / c.hosts) {
			port++
			all = append(all, netip.AddrPortFrom(a, port))
			want[truthOf(port, silent)]++
		}
		a = a.Next()
	}
	rand.New(rand.NewPCG(seed, 3)).Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	conn := n.Conn(13)
	defer conn.Close()
	found := states{}
	run := scan.Config{Targets: slices.Values(all), HostsKnown: true}
	if !c.unknown {
		run.RoundTrip = func(netip.Addr) time.Duration { return 2*slow.Delay + time.Duration(float64(time.Second)/c.rate) }
	}
	sum, err := scan.Run(t.Context(), conn, run, found)
	if err != nil || !maps.Equal(found, want) {
		t.Errorf("%v instead of %v, %v", found, want, err)
	}
	if float64(sum.Sent) > c.most*ports {
		t.Errorf("%d packets for %d ports", sum.Sent, ports)
	}
	longest := 1.6
	if c.filtered > 0 {
		longest = 8 // nobody knows how many of the probes pass
	}
	if ideal := ports / c.rate; sum.Took.Seconds() > longest*ideal+3 {
		t.Errorf("took %v", sum.Took)
	}
	t.Logf("%d packets, %v", sum.Sent, sum.Took.Round(10*time.Millisecond))
}

// silent tells which ports are.
func (c queueCase) silent() func(uint16) bool {
	return func(port uint16) bool { return port > 22 && port != 80 && int(port)%100 < c.filtered }
}

func truthOf(port uint16, silent func(uint16) bool) probe.State {
	switch {
	case silent(port):
		return probe.StateFiltered
	case slices.Contains([]uint16{22, 80, 150, 300, 443}, port):
		return probe.StateOpen
	}
	return probe.StateRefused
}
