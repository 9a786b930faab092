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
	fmt.Println(v.State, v.Reason, v.RTT, err)
}
