//go:build linux

package lab_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"time"

	"synscope/internal/lab"
)

// A program that builds a network of its own, measures it and is gone.
func Example() {
	inside, code, err := lab.Enter(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	if !inside {
		os.Exit(code)
	}
	l, err := lab.New(lab.Standard(1, log.Printf))
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()

	slow := netip.AddrPortFrom(l.Host("slow").Addr4(), 80)
	start := time.Now()
	conn, err := net.Dial("tcp", slow.String())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	expect, _ := l.Expect(slow, "connect")
	fmt.Println(expect, time.Since(start))
}

// A host with one open port behind a router that prohibits another, and a link
// that loses a tenth of what the prober sends.
func ExampleNew() {
	l, err := lab.New(lab.Spec{Seed: 1, Hosts: []lab.HostSpec{{
		Name:     "office",
		Services: []lab.Service{{Ports: []uint16{443}, Manner: lab.Echo}},
		Routers: []lab.RouterSpec{{Rules: []lab.Rule{
			{Ports: lab.Port(22), Family: lab.IPv4, Do: lab.Reject, Code: 13},
		}}},
		Link: &lab.Link{Out: lab.Path{Delay: 5 * time.Millisecond, Loss: 0.1}},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	for _, dst := range l.Targets() {
		expect, _ := l.Expect(dst, "syn")
		fmt.Println(expect)
	}
}
