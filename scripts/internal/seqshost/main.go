//go:build linux

// Command seqshost is a host whose TCP is soypat/seqs's, on an interface of the
// network namespace that it is started in: seqshost IFACE ADDRESS, port 80. The
// interface must have no address of the kernel's. It runs until it is killed;
// scripts/isn-stacks samples it. It is a module of its own, so that nothing else
// needs seqs.
package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/soypat/seqs/stacks"
)

const (
	mtu   = 1500
	port  = 80
	slots = 8 // connections that the listener holds
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: seqshost IFACE ADDRESS")
		os.Exit(2)
	}
	if err := serve(os.Args[1], netip.MustParseAddr(os.Args[2])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(name string, addr netip.Addr) error {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	fd, err := open(iface.Index)
	if err != nil {
		return err
	}
	stack := stacks.NewPortStack(stacks.PortStackConfig{MAC: [6]byte(iface.HardwareAddr), MTU: mtu, MaxOpenPortsTCP: 1})
	stack.SetAddr(addr)
	l, err := stacks.NewTCPListener(stack, stacks.TCPListenerConfig{MaxConnections: slots, ConnTxBufSize: 1024, ConnRxBufSize: 1024})
	if err != nil {
		return err
	}
	if err := l.StartListening(port); err != nil {
		return err
	}
	fmt.Println("ready")
	return pump(fd, stack)
}

// open opens a packet socket whose reads end after a millisecond.
func open(index int) (int, error) {
	const everything = syscall.ETH_P_ALL>>8 | syscall.ETH_P_ALL<<8&0xff00 // in network order
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, everything)
	if err != nil {
		return 0, err
	}
	wait := syscall.NsecToTimeval(int64(time.Millisecond))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait); err != nil {
		return 0, err
	}
	return fd, syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: everything, Ifindex: index})
}

// pump carries frames to the stack and from it.
func pump(fd int, stack *stacks.PortStack) error {
	in, out := make([]byte, 65536), make([]byte, mtu)
	for {
		n, from, err := syscall.Recvfrom(fd, in, 0)
		at, ok := from.(*syscall.SockaddrLinklayer)
		if err == nil && ok && at.Pkttype != syscall.PACKET_OUTGOING && n <= mtu {
			stack.RecvEth(in[:n]) // what it refuses is not for it
		}
		for {
			n, err := stack.HandleEth(out)
			if n == 0 || err != nil {
				break
			}
			if _, err := syscall.Write(fd, out[:n]); err != nil {
				return err
			}
		}
	}
}
