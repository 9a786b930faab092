package scan_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// printer is a sink that prints verdicts.
type printer struct{}

func (printer) Port(v probe.Verdict) error {
	_, err := fmt.Println(v.Target, v.State, v.Reason)
	return err
}

func (printer) Host(probe.HostReport) error { return nil }

// A scan of three ports. In a real program the network is what netraw.Open
// returns; here it is one of model hosts.
func Example() {
	world := simnet.New(simnet.Config{})
	world.HandleAddr("198.51.100.7", simnet.Mux{Ports: map[uint16]simnet.Host{
		443:  &simnet.Listener{},
		8443: simnet.Rejected{ICMP: simnet.ICMP{Type: 3, Code: 13}},
	}})
	network := world.Conn(5)
	defer network.Close()

	host := netip.MustParseAddr("198.51.100.7")
	summary, err := scan.Run(context.Background(), network, scan.Config{
		Targets: slices.Values([]netip.AddrPort{
			netip.AddrPortFrom(host, 443), netip.AddrPortFrom(host, 444), netip.AddrPortFrom(host, 8443),
		}),
		Rate: 1000,
	}, printer{})
	fmt.Println(summary.Complete, err)
	// Unordered output:
	// 198.51.100.7:443 open syn-ack
	// 198.51.100.7:444 refused reset
	// 198.51.100.7:8443 filtered admin-prohibited
	// true <nil>
}
