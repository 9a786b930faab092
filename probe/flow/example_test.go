package flow_test

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/flow"
)

// printer is a sink that prints.
type printer struct{}

func (printer) Attempt(a *flow.Attempt) error {
	fmt.Printf("%v > %v: %v (%v) after %v, seen at the %v\n", a.Source, a.Target, a.State, a.Reason, a.RTT, a.View)
	return nil
}

func (printer) Segment(s *flow.Segment) error {
	fmt.Printf("%d: %v, client %v\n", s.Packet, s.Segment.Flags, s.Client)
	return nil
}

// A table takes packets from wherever they were captured.
func ExampleTable() {
	client, server := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("198.51.100.7:81")
	syn := craft.Segment{Src: client, Dst: server, TTL: 64, Seq: 1000, Flags: craft.SYN, Window: 64240}
	reset := craft.Segment{Src: server, Dst: client, TTL: 52, Ack: 1001, Flags: craft.RST | craft.ACK}
	at := time.Unix(1_700_000_000, 0)

	table := flow.NewTable(printer{}, flow.Config{Segments: true})
	for i, s := range []craft.Segment{syn, reset} {
		data, err := s.AppendTo(nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		p := flow.Packet{Number: uint64(i + 1), Time: at.Add(time.Duration(i) * 12 * time.Millisecond), Data: data}
		if err := table.Add(&p); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := table.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 1: S, client SYN_SENT
	// 2: R., client CLOSED
	// 192.0.2.1:40000 > 198.51.100.7:81: refused (reset) after 12ms, seen at the client
}
