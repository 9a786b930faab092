package netraw_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"synscope/netraw"
)

// Sending a packet and waiting for what comes back.
func ExampleOpen() {
	conn, err := netraw.Open(&netraw.Config{WatchOutgoing: true})
	if errors.Is(err, netraw.ErrPermission) {
		fmt.Println(err) // says what to do
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	var probe []byte // an IP packet from conn.Ports()[0], built elsewhere
	if _, err := conn.Send([][]byte{probe}); err != nil {
		fmt.Println(err)
		return
	}
	conn.SetReadDeadline(time.Now().Add(time.Second))
	replies := make([]netraw.Packet, 16)
	for {
		n, err := conn.Recv(replies)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		for _, p := range replies[:n] {
			fmt.Println(p.Time, p.Outgoing, len(p.Data))
		}
	}
}

// Asking the kernel which way a packet would go.
func ExampleConn_Route() {
	conn, err := netraw.Open(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	route, err := conn.Route(netip.MustParseAddr("192.0.2.7"))
	if errors.Is(err, netraw.ErrNoRoute) {
		fmt.Println("unreachable:", err)
		return
	}
	fmt.Println(route.Interface, route.Source, route.MTU)
}

// A port on which the kernel stays silent, for a program that brings its own
// sockets.
func ExampleHoldPorts() {
	ports, err := netraw.HoldPorts(1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ports.Close()
	fmt.Println(len(ports.List()))
}

// What is missing, and how it is mended.
func ExampleCapabilities() {
	for _, c := range netraw.Capabilities() {
		if !c.OK {
			fmt.Printf("%s, needed for %s: %v\n\t%s\n", c.Name, c.For, c.Err, c.Remedy)
		}
	}
}
