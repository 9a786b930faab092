//go:build linux

// Slowlink joins two network namespaces by a tun device in each, both named by
// -name. What leaves the second is delayed, each source address by a time of its
// own between 0 and -most.
//
//	slowlink -name s0 -most 600ms NEAR FAR
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func main() {
	name := flag.String("name", "s0", "of both devices")
	most := flag.Duration("most", 600*time.Millisecond, "longest delay")
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	err := join(*name, *most, flag.Arg(0), flag.Arg(1)) // which ends by an error alone
	fmt.Fprintln(os.Stderr, "slowlink:", err)
	os.Exit(1)
}

func join(name string, most time.Duration, near, far string) error {
	a, err := device(near, name)
	if err != nil {
		return err
	}
	b, err := device(far, name)
	if err != nil {
		return err
	}
	go carry(a, b, func([]byte) time.Duration { return 0 })
	return carry(b, a, func(pkt []byte) time.Duration { return delay(pkt, most) })
}

// delay is that of the source address of an IPv4 packet.
func delay(pkt []byte, most time.Duration) time.Duration {
	if len(pkt) < 20 || pkt[0]>>4 != 4 {
		return 0
	}
	h := fnv.New32a()
	h.Write(pkt[12:16])
	return time.Duration(uint64(most) * uint64(h.Sum32()) >> 32)
}

// carry passes packets on, each after its delay.
func carry(from, to *os.File, wait func([]byte) time.Duration) error {
	for {
		pkt := make([]byte, 2048)
		n, err := from.Read(pkt)
		if err != nil {
			return err
		}
		pkt = pkt[:n]
		if d := wait(pkt); d > 0 {
			time.AfterFunc(d, func() { to.Write(pkt) })
		} else if _, err := to.Write(pkt); err != nil {
			return err
		}
	}
}

// device makes a tun device in a namespace, tuntap.rst, and brings it up.
func device(namespace, name string) (*os.File, error) {
	runtime.LockOSThread() // never unlocked: the thread is in the namespace
	ns, err := netns.GetFromName(namespace)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", namespace, err)
	}
	defer ns.Close()
	if err := netns.Set(ns); err != nil {
		return nil, err
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open /dev/net/tun", err)
	}
	var request [40]byte
	copy(request[:15], name)
	binary.NativeEndian.PutUint16(request[16:], unix.IFF_TUN|unix.IFF_NO_PI)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&request))); errno != 0 {
		unix.Close(fd)
		return nil, os.NewSyscallError("ioctl TUNSETIFF", errno)
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), netlink.LinkSetUp(link)
}
