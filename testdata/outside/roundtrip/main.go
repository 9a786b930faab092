package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"synscope/probe/ping"
)

func main() {
	samples, err := ping.One(context.Background(), netip.MustParseAddrPort(os.Args[1]), 1)
	fmt.Println(samples, err)
}
