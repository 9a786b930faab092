//go:build linux

package main

import (
	"context"
	"fmt"
	"iter"
	"math"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
)

// packetsSent is how many probes each side sends.
const packetsSent = 500_000

// send compares the processor time of the whole engine for one probe with that
// of a loop round sendmmsg(2) over packets made beforehand. The peer drops every
// frame at once, since it carries another's hardware address.
func (b *bench) send() error {
	l, h, err := host(lab.HostSpec{Prefixes: []netip.Prefix{netip.MustParsePrefix("198.18.0.0/16")}})
	if err != nil {
		return err
	}
	defer l.Close()
	if err := misdirect(h); err != nil {
		return err
	}
	var ours, bare []time.Duration
	var allocs float64
	for range b.rounds {
		bare = append(bare, perPacket(func() error { return bareLoop(h.Prober4(), h.Addr4()) }, &err))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ours = append(ours, perPacket(func() error { return engineLoop() }, &err))
		runtime.ReadMemStats(&after)
		allocs = float64(after.Mallocs-before.Mallocs) / packetsSent
	}
	if err != nil {
		return err
	}
	slices.Sort(ours)
	slices.Sort(bare)
	a, z := ours[len(ours)/2], bare[len(bare)/2]
	fmt.Printf("  the whole engine %v a probe, the bare sendmmsg loop %v: ratio %.2f; %.2f allocations a probe, verdicts and all\n",
		a, z, ratio(a, z), allocs)
	return nil
}

// misdirect makes the prober send to a hardware address that nobody has.
func misdirect(h *lab.Host) error {
	link, err := netlink.LinkByName(h.Interface())
	if err != nil {
		return err
	}
	return netlink.NeighSet(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT,
		IP: h.Addr4().AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1},
	})
}

// perPacket is the processor time of the process that f takes for one packet.
func perPacket(f func() error, failed *error) time.Duration {
	runtime.GC()
	before := processorTime()
	if err := f(); err != nil && *failed == nil {
		*failed = err
	}
	return (processorTime() - before) / packetsSent
}

func processorTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// engineLoop lets the scan engine send one probe to each of many ports.
func engineLoop() error {
	conn, err := netraw.Open(&netraw.Config{Ports: 2})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = scan.Run(context.Background(), conn, scan.Config{
		Targets: manyTargets(), Rate: math.Inf(1), Retries: -1, Timeout: 10 * time.Millisecond,
	}, ignore{})
	return err
}

// manyTargets are packetsSent pairs within the host's prefix.
func manyTargets() iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		for i := range packetsSent {
			a := netip.AddrFrom4([4]byte{198, 18, 0, byte(i % 16)})
			if !yield(netip.AddrPortFrom(a, uint16(i/16+1))) {
				return
			}
		}
	}
}

type ignore struct{}

func (ignore) Port(probe.Verdict) error    { return nil }
func (ignore) Host(probe.HostReport) error { return nil }

// bareLoop sends as many packets of the same size by the bare system call.
func bareLoop(from, to netip.Addr) error {
	const batch = 64
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	syn := craft.Profiles()[0].SYN(netip.AddrPortFrom(from, 40000), netip.AddrPortFrom(to, 80), 1, 0, 0)
	packet, err := syn.AppendTo(nil)
	if err != nil {
		return err
	}
	var names [batch]unix.RawSockaddrInet4
	var vectors [batch]unix.Iovec
	var messages [batch]unix.Mmsghdr
	for i := range messages {
		names[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{198, 18, 0, byte(i % 16)}}
		vectors[i].Base = &slices.Clone(packet)[0]
		vectors[i].SetLen(len(packet))
		m := &messages[i].Hdr
		m.Name, m.Namelen = (*byte)(unsafe.Pointer(&names[i])), unix.SizeofSockaddrInet4
		m.Iov = &vectors[i]
		m.SetIovlen(1)
	}
	for sent := 0; sent < packetsSent; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])), batch, 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("sendmmsg: %w", errno)
		}
		sent += int(n)
	}
	return nil
}
