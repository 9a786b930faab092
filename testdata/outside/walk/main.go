package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"synscope/probe/handshake"
)

func main() {
	r, err := handshake.One(context.Background(), handshake.Config{Target: netip.MustParseAddrPort(os.Args[1])})
	fmt.Println(r.State, r.Close, r.RTT, err)
}
