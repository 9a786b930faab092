package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"synscope/probe/scan"
)

func main() {
	v, err := scan.One(context.Background(), netip.MustParseAddrPort(os.Args[1]))
	fmt.Println(v.State, v.Reason, err)
	if rtt, ok := v.RoundTrip(); ok {
		fmt.Println(rtt, v.Clock)
	}
}
