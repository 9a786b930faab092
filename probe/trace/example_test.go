package trace_test

import (
	"context"
	"fmt"
	"net/netip"

	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// The hops on the way to a host behind one router.
func Example() {
	n := simnet.New(simnet.Config{})
	n.Handle(netip.MustParsePrefix("198.51.100.0/24"), simnet.Behind(simnet.Linux(443), netip.MustParseAddr("203.0.113.1")))
	conn := n.Conn(8, simnet.WatchOutgoing())
	defer conn.Close()
	route, _ := trace.Run(context.Background(), conn, trace.Config{
		Target:  netip.MustParseAddrPort("198.51.100.7:443"),
		Queries: 1,
	}, func(h trace.Hop) error {
		fmt.Println(h.TTL, h.Addr, h.Kind)
		return nil
	})
	fmt.Println(route.Verdict.State)
	// Output:
	// 1 203.0.113.1 time-exceeded
	// 2 198.51.100.7 syn-ack
	// open
}
