package ping_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// A ping in a network of models. With a [netraw.Conn] opened with WatchOutgoing
// in place of the model it is a real one.
func Example() {
	n := simnet.New(simnet.Config{Back: simnet.Path{Delay: time.Millisecond}})
	n.Handle(netip.MustParsePrefix("198.51.100.0/24"), simnet.Linux(443))
	conn := n.Conn(8, simnet.WatchOutgoing())
	defer conn.Close()
	ping.Run(context.Background(), conn, ping.Config{
		Targets:  []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:443"), netip.MustParseAddrPort("198.51.100.7:80")},
		Count:    1,
		Interval: 10 * time.Millisecond,
	}, func(s ping.Sample) error {
		fmt.Println(s.Target, s.State, s.Reason, s.Clock)
		return nil
	})
	// Output:
	// 198.51.100.7:443 open syn-ack kernel
	// 198.51.100.7:80 refused reset kernel
}
