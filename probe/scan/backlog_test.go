package scan_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
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
	for _, c := range []queueCase{
		{50, 3, 1.5}, {50, 1, 1.5}, {100, 2, 1.5}, {200, 1.5, 1.5}, {500, 1, 1.3}, {1000, 2, 1.3}, {20, 2, 1.5},
	} {
		for _, out := range []bool{false, true} {
			for seed := range uint64(3) {
				t.Run(fmt.Sprintf("%v a second, %v s, out %v, seed %d", c.rate, c.buffer, out, seed), func(t *testing.T) {
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
	a := netip.MustParseAddr("10.0.0.1")
	n.Handle(netip.PrefixFrom(a, 32), simnet.Linux(22, 80, 150, 300, 443))
	var all []netip.AddrPort
	for port := range uint16(ports) {
		all = append(all, netip.AddrPortFrom(a, port+1))
	}
	rand.New(rand.NewPCG(seed, 3)).Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	conn := n.Conn(13)
	defer conn.Close()
	found := states{}
	sum, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(all), HostsKnown: true, RoundTrip: func(netip.Addr) time.Duration { return 2*cfg.Out.Delay + time.Duration(float64(time.Second)/c.rate) }}, found)
	if err != nil || found[probe.StateOpen] != 5 || found[probe.StateRefused] != ports-5 {
		t.Errorf("%v, %v", found, err)
	}
	if float64(sum.Sent) > c.most*ports {
		t.Errorf("%d packets for %d ports", sum.Sent, ports)
	}
	if ideal := ports / c.rate; sum.Took.Seconds() > 1.6*ideal+3 {
		t.Errorf("took %v", sum.Took)
	}
	t.Logf("%d packets, %v", sum.Sent, sum.Took.Round(10*time.Millisecond))
}
