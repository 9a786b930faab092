//go:build linux

package live_test

import (
	"context"
	"fmt"
	"net/netip"

	"synscope/netraw"
	"synscope/probe/why"
	"synscope/probe/why/live"
)

// Why does this port not answer? Needs CAP_NET_RAW, hence no output to compare with.
func ExampleNew() {
	conn, err := netraw.Open(&netraw.Config{Ports: 128, WatchOutgoing: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	addrs := []why.Address{{AddrPort: netip.MustParseAddrPort("192.0.2.7:443")}}
	instrument := live.New(conn, live.Config{Addrs: addrs, Dialer: netraw.Dialer{}})
	defer instrument.Close()
	d, err := why.Run(context.Background(), instrument, why.Config{Target: "192.0.2.7:443", Addrs: addrs})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(d.Causes[0].Code, d.Causes[0].Where)
}
