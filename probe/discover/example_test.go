package discover_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"synscope/probe/discover"
	"synscope/probe/simnet"
)

// Which of three addresses is there? In a real program the network is what
// netraw.Open returns, and netraw.OpenNeighbours finds hosts on the link; here it
// is one of model hosts.
func Example() {
	world := simnet.New(simnet.Config{})
	world.HandleAddr("198.51.100.2", simnet.Linux(443))
	network := world.Conn(2)
	defer network.Close()

	var hosts []netip.Addr
	for _, a := range []string{"198.51.100.1", "198.51.100.2", "198.51.100.3"} {
		hosts = append(hosts, netip.MustParseAddr(a))
	}
	_, err := discover.Run(context.Background(), network, discover.Config{Hosts: slices.Values(hosts)}, func(h discover.Host) error {
		r := h.Report()
		_, err := fmt.Println(r.Addr, r.State, r.Reason)
		return err
	})
	fmt.Println(err)
	// Unordered output:
	// 198.51.100.1 down no-response
	// 198.51.100.2 up syn-ack
	// 198.51.100.3 down no-response
	// <nil>
}
