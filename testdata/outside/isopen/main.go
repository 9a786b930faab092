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
	rtt, _ := v.RoundTrip()
	fmt.Println(v.State, v.Reason, rtt, v.Clock, err)
}
