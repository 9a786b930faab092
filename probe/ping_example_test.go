package probe_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"synscope/probe"
	"synscope/probe/simnet"
)

// A ping in a network of models. With a [netraw.Conn] opened with WatchOutgoing
// in place of the model it is a real one.
func ExamplePing() {
	n := simnet.New(simnet.Config{Back: simnet.Path{Delay: time.Millisecond}})
	n.Handle(netip.MustParsePrefix("198.51.100.0/24"), simnet.Linux(443))
	conn := n.Conn(8, simnet.WatchOutgoing())
	defer conn.Close()
	probe.Ping(context.Background(), conn, probe.PingConfig{
		Targets:  []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:443"), netip.MustParseAddrPort("198.51.100.7:80")},
		Count:    1,
		Interval: 10 * time.Millisecond,
	}, func(s probe.Sample) error {
		fmt.Println(s.Target, s.State, s.Reason, s.Clock)
		return nil
	})
	// Output:
	// 198.51.100.7:443 open syn-ack kernel
	// 198.51.100.7:80 refused reset kernel
}

func ExampleTrace() {
	n := simnet.New(simnet.Config{})
	n.Handle(netip.MustParsePrefix("198.51.100.0/24"), simnet.Behind(simnet.Linux(443), netip.MustParseAddr("203.0.113.1")))
	conn := n.Conn(8, simnet.WatchOutgoing())
	defer conn.Close()
	route, _ := probe.Trace(context.Background(), conn, probe.TraceConfig{
		Target:  netip.MustParseAddrPort("198.51.100.7:443"),
		Queries: 1,
	}, func(h probe.Hop) error {
		fmt.Println(h.TTL, h.Addr, h.Kind)
		return nil
	})
	fmt.Println(route.Verdict.State)
	// Output:
	// 1 203.0.113.1 time-exceeded
	// 2 198.51.100.7 syn-ack
	// open
}
