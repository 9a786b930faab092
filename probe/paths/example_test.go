package paths_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/paths"
	"synscope/probe/simnet"
)

// Two routers share the flows to a port.
func Example() {
	n := simnet.New(simnet.Config{})
	server := &simnet.Listener{}
	left := simnet.Behind(server, netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2"))
	right := simnet.Behind(server, netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.3"))
	n.HandleAddr("198.51.100.7", balance(left, right))
	conn := n.Conn(100, simnet.WatchOutgoing())
	defer conn.Close()

	m, err := paths.Run(context.Background(), conn, paths.Config{Target: netip.MustParseAddrPort("198.51.100.7:443")})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range m.Edges {
		fmt.Println(m.Name(e.From), "→", m.Name(e.To))
	}
	// Unordered output:
	// this machine → 203.0.113.1 (hop 1)
	// 203.0.113.1 (hop 1) → 203.0.113.2 (hop 2)
	// 203.0.113.1 (hop 1) → 203.0.113.3 (hop 2)
	// 203.0.113.2 (hop 2) → 198.51.100.7 (hop 3)
	// 203.0.113.3 (hop 2) → 198.51.100.7 (hop 3)
}

// balance sends flows one way or the other, by the source port.
func balance(left, right simnet.Host) simnet.HostFunc {
	return func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Src.Port()/3%2 == 0 {
			left.Respond(now, in, out)
		} else {
			right.Respond(now, in, out)
		}
	}
}
