//go:build linux

// Command netstackhost is a host whose TCP is gVisor's, in the network namespace
// that it is started in: 10.200.0.2, port 80. With -cookies it answers with SYN
// cookies. It runs until it is killed; scripts/isn-stacks samples it.
package main

import (
	"flag"
	"fmt"
	"os"

	"synscope/internal/lab/netstack"
)

func main() {
	cookies := flag.Bool("cookies", false, "always answer with SYN cookies")
	flag.Parse()
	host, err := netstack.New(netstack.Config{Cookies: *cookies, Ports: []uint16{80}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer host.Close()
	fmt.Println("ready")
	select {}
}
