package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"

	"synscope/probe/sample"
)

func main() {
	r, err := sample.One(context.Background(), netip.MustParseAddrPort(os.Args[1]))
	fmt.Println(r.State, r.Report.Class, r.Report.Confidence, err)
}
