package simnet_test

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe/simnet"
)

// A host with one open port, probed by hand. Inside a bubble of
// testing/synctest the 40 ms would pass at once.
func Example() {
	way := simnet.Path{Delay: 20 * time.Millisecond}
	network := simnet.New(simnet.Config{Out: way, Back: way})
	network.HandleAddr("198.51.100.1", simnet.Linux(80))
	conn := network.Conn(1)
	defer conn.Close()

	target := netip.MustParseAddrPort("198.51.100.1:80")
	route, err := conn.Route(target.Addr())
	if err != nil {
		panic(err)
	}
	syn := craft.Segment{
		Src: netip.AddrPortFrom(route.Source, conn.Ports()[0]), Dst: target,
		TTL: 64, Flags: craft.SYN, Seq: 100,
	}
	packet, err := syn.AppendTo(nil)
	if err != nil {
		panic(err)
	}
	if _, err := conn.Send([][]byte{packet}); err != nil {
		panic(err)
	}

	replies := make([]netraw.Packet, 8)
	if _, err := conn.Recv(replies); err != nil {
		panic(err)
	}
	var reply craft.Packet
	if err := reply.Decode(replies[0].Data, craft.VerifyChecksums); err != nil {
		panic(err)
	}
	fmt.Println(reply.Segment.Src, reply.Segment.Flags, "ack", reply.Segment.Ack)
	// Output: 198.51.100.1:80 S. ack 101
}
