package why_test

import (
	"context"
	"fmt"

	"synscope/probe/why"
	"synscope/probe/why/internal/world"
)

// The cause of a port that a router rejects, in a world of models; on the network
// the instrument is a live.Instrument.
func Example() {
	scene := world.Random(why.PathFirewallReject, 2, 0)
	d, err := why.Run(context.Background(), world.New(scene, 2), why.Config{Target: "host.example:443", Addrs: scene.Addrs})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Causes[0].Code, d.Packets <= why.DefaultPackets)
	// Output: path-firewall-reject true
}
