//go:build linux

// Floor tells what a scan cannot go below: the time of a bare loop that sends one SYN to
// each of many ports by sendmmsg(2) on a packet socket, the cheapest way that user space
// has, and does nothing else: no answer is read, and nothing is remembered. Addresses of
// live hosts, one a line, come by standard input; it prints wall and processor seconds.
//
//	ip netns exec ns floor -ports 1000 <hosts
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/netraw"
)

const batch = 256

func main() {
	log.SetFlags(0)
	ports := flag.Int("ports", 1000, "how many ports of each host")
	flag.Parse()
	hosts, err := readHosts()
	if err == nil && len(hosts) > 0 {
		err = run(hosts, *ports)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// way is how a host is reached.
type way struct {
	dst, src netip.Addr
	name     unix.RawSockaddrLinklayer
}

func readHosts() (hosts []way, err error) {
	c, err := netraw.Open(nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		dst, err := netip.ParseAddr(lines.Text())
		if err != nil {
			return nil, err
		}
		w, err := wayTo(c, dst)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, w)
	}
	return hosts, nil
}

// wayTo finds the link address by which a host is reached, and has the kernel resolve it
// by a datagram where it does not know it.
func wayTo(c *netraw.Conn, dst netip.Addr) (w way, err error) {
	route, err := c.Route(dst)
	if err != nil {
		return w, err
	}
	hop := dst
	if route.NextHop.IsValid() {
		hop = route.NextHop
	}
	for range 100 {
		if mac := linkAddress(route.IfIndex, hop); mac != nil {
			w = way{dst: dst, src: route.Source, name: unix.RawSockaddrLinklayer{
				Family: unix.AF_PACKET, Protocol: uint16(unix.ETH_P_IP>>8 | unix.ETH_P_IP<<8&0xff00), Ifindex: int32(route.IfIndex), Halen: 6}}
			copy(w.name.Addr[:], mac)
			return w, nil
		}
		if u, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, 9))); err == nil {
			u.Write([]byte{0})
			u.Close()
		}
		time.Sleep(5 * time.Millisecond)
	}
	return w, fmt.Errorf("%v does not resolve", hop)
}

func linkAddress(ifindex int, hop netip.Addr) net.HardwareAddr {
	list, err := netlink.NeighList(ifindex, netlink.FAMILY_V4)
	if err != nil {
		return nil
	}
	for _, n := range list {
		if a, ok := netip.AddrFromSlice(n.IP); ok && a.Unmap() == hop && len(n.HardwareAddr) == 6 {
			return n.HardwareAddr
		}
	}
	return nil
}

func run(hosts []way, ports int) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	template, err := craft.NewTemplate(craft.Profiles()[0].SYN(netip.AddrPortFrom(netip.IPv4Unspecified(), 0), netip.AddrPortFrom(netip.IPv4Unspecified(), 0), 0, 0, 0))
	if err != nil {
		return err
	}
	began, before := time.Now(), processorTime()
	var out sendBatch
	for port := 1; port <= ports; port++ {
		for i := range hosts {
			if err := out.add(fd, &hosts[i], template, uint16(port)); err != nil {
				return err
			}
		}
	}
	if err := out.flush(fd); err != nil {
		return err
	}
	fmt.Printf("%.2f %.2f\n", time.Since(began).Seconds(), (processorTime() - before).Seconds())
	return nil
}

// sendBatch is what one call sends.
type sendBatch struct {
	n        int
	packets  [batch][128]byte
	vectors  [batch]unix.Iovec
	messages [batch]unix.Mmsghdr
}

func (b *sendBatch) add(fd int, w *way, t *craft.Template, port uint16) error {
	pkt := t.AppendTo(b.packets[b.n][:0], craft.Fields{
		Src: netip.AddrPortFrom(w.src, 61000), Dst: netip.AddrPortFrom(w.dst, port), Seq: craft.Seq(port) << 16,
	})
	b.vectors[b.n].Base = &pkt[0]
	b.vectors[b.n].SetLen(len(pkt))
	m := &b.messages[b.n].Hdr
	m.Name, m.Namelen = (*byte)(unsafe.Pointer(&w.name)), unix.SizeofSockaddrLinklayer
	m.Iov = &b.vectors[b.n]
	m.SetIovlen(1)
	if b.n++; b.n == batch {
		return b.flush(fd)
	}
	return nil
}

func (b *sendBatch) flush(fd int) error {
	for at := 0; at < b.n; {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[at])), uintptr(b.n-at), 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("sendmmsg: %w", errno)
		}
		at += int(n)
	}
	b.n = 0
	return nil
}

func processorTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
