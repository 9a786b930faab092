package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"synscope/probe/handshake"
)

func main() {
	r, err := handshake.One(context.Background(), netip.MustParseAddrPort(os.Args[1]), handshake.Config{})
	rtt, measured := r.RoundTrip()
	fmt.Println(r.State, r.Close, rtt, measured, err)
}
