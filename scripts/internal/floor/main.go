//go:build linux

// Floor tells what a scan cannot go below (package bare): wall and processor seconds of a bare
// loop that sends one SYN to each of many ports, and with -answers takes in what comes, unread.
// Addresses of live hosts, one a line, come by standard input.
//
//	ip netns exec ns floor -ports 1000 -answers <hosts
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net/netip"
	"os"

	"synscope/scripts/internal/bare"
)

func main() {
	log.SetFlags(0)
	var plan bare.Plan
	flag.IntVar(&plan.Ports, "ports", 1000, "how many ports of each host")
	flag.BoolVar(&plan.Answers, "answers", false, "take in answers too")
	flag.Float64Var(&plan.Rate, "rate", 0, "packets a second; 0: no bound")
	flag.Parse()
	if err := run(plan); err != nil {
		log.Fatal(err)
	}
}

func run(plan bare.Plan) (err error) {
	if plan.Hosts, err = readHosts(); err != nil || len(plan.Hosts) == 0 {
		return err
	}
	cost, err := bare.Run(plan)
	if err == nil {
		fmt.Printf("%.2f %.2f\n", cost.Wall.Seconds(), cost.CPU.Seconds())
	}
	return err
}

func readHosts() (hosts []netip.Addr, err error) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		a, err := netip.ParseAddr(lines.Text())
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, a)
	}
	return hosts, nil
}
