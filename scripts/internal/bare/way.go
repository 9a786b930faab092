//go:build linux

package bare

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/netraw"
)

// way is how a host is reached.
type way struct {
	dst, src netip.Addr
	name     unix.RawSockaddrLinklayer
}

func waysTo(c *netraw.Conn, hosts []netip.Addr) (ways []way, err error) {
	for _, dst := range hosts {
		w, err := wayTo(c, dst)
		if err != nil {
			return nil, err
		}
		ways = append(ways, w)
	}
	return ways, nil
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
