package sample_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"synscope/probe/isn"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

// printer prints results, and passes over single samples.
type printer struct{}

func (printer) Sample(netip.AddrPort, isn.Sample) error { return nil }

func (printer) Result(r sample.Result) error {
	fmt.Printf("%s %s: %s\n", r.Target, r.State, r.Report.Class)
	return nil
}

// A host like Linux, sampled in half a second over an in-memory network. With a
// netraw.Conn, opened with Config.WatchOutgoing for the stamps, it is a real one.
func ExampleRun() {
	n := simnet.New(simnet.Config{Out: simnet.Path{Delay: time.Millisecond}, Back: simnet.Path{Delay: time.Millisecond}})
	n.HandleAddr("192.0.2.80", simnet.Linux(80))
	plan := isn.QuickPlan()
	conn := n.Conn(plan.Ports(), simnet.WatchOutgoing())
	defer conn.Close()
	_, err := sample.Run(context.Background(), conn, sample.Config{
		Targets: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.80:80")},
		Plan:    plan,
		Seed:    [32]byte{1}, // from crypto/rand, outside of examples
	}, printer{})
	if err != nil {
		fmt.Println(err)
	}
	// Output: 192.0.2.80:80 open: tuple-clock
}
