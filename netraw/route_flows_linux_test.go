package netraw

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// twoHops routes 10.99.0.0/16 by two next hops, and says which interface has which of
// our addresses.
func twoHops(t *testing.T, p *peer) map[netip.Addr]int {
	t.Helper()
	index := secondLink(t, "other5", "203.0.113.1/24", 1500)
	gw := netip.MustParseAddr("203.0.113.2")
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT,
		IP: gw.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.99.0.0/16"), MultiPath: []*netlink.NexthopInfo{
		{LinkIndex: p.hereIndex, Gw: peer4.AsSlice()}, {LinkIndex: index, Gw: gw.AsSlice()},
	}}))
	second, gw6 := netip.MustParseAddr("2001:db8:cb::1"), netip.MustParseAddr("2001:db8:cb::2")
	link, err := netlink.LinkByIndex(index)
	must(err)
	addr, err := netlink.ParseAddr(second.String() + "/64")
	must(err)
	addr.Flags = unix.IFA_F_NODAD
	must(netlink.AddrAdd(link, addr))
	must(netlink.NeighSet(&netlink.Neigh{LinkIndex: index, State: netlink.NUD_PERMANENT,
		IP: gw6.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}))
	must(netlink.RouteAdd(&netlink.Route{Dst: ipNet("2001:db8:99::/48"), MultiPath: []*netlink.NexthopInfo{
		{LinkIndex: p.hereIndex, Gw: peer6.AsSlice()}, {LinkIndex: index, Gw: gw6.AsSlice()},
	}}))
	return map[netip.Addr]int{our4: p.hereIndex, netip.MustParseAddr("203.0.113.1"): index, our6: p.hereIndex, second: index}
}

// connects is the source that the kernel gives a connection of its own, from a port or
// from any.
func connects(t *testing.T, port uint16, dst netip.AddrPort) netip.Addr {
	t.Helper()
	family, own, peer := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(port)}), unix.Sockaddr(nil)
	if a := dst.Addr(); a.Is4() {
		peer = &unix.SockaddrInet4{Port: int(dst.Port()), Addr: a.As4()}
	} else {
		family, own, peer = unix.AF_INET6, &unix.SockaddrInet6{Port: int(port)}, &unix.SockaddrInet6{Port: int(dst.Port()), Addr: a.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(err)
	defer unix.Close(fd)
	if port != 0 {
		must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		must(unix.Bind(fd, own))
	}
	if err := unix.Connect(fd, peer); err != unix.EINPROGRESS {
		must(err)
	}
	name, err := unix.Getsockname(fd)
	must(err)
	if four, is := name.(*unix.SockaddrInet4); is {
		return netip.AddrFrom4(four.Addr)
	}
	return netip.AddrFrom16(name.(*unix.SockaddrInet6).Addr)
}

// Of several next hops each engine takes, for each destination, the one that a
// connection of the kernel's own takes; where that looks at ports, for each connection.
func TestNextHopOfEachDestination(t *testing.T) {
	p := newPeer(t)
	own := twoHops(t, p)
	setHashPolicy(t, "0")
	c, frames := open(t, &Config{WatchOutgoing: true}), openPacketEngine(t)
	for _, first := range []string{"10.99.1.0", "2001:db8:99::"} {
		for _, engine := range []interface {
			Route(netip.Addr) (Route, error)
		}{c, frames} {
			used := map[netip.Addr]int{}
			for i, dst := 0, netip.MustParseAddr(first); i < 32; i, dst = i+1, dst.Next() {
				route, err := engine.Route(dst)
				must(err)
				if want := connects(t, 0, netip.AddrPortFrom(dst, 80)); route.Source != want || own[route.Source] != route.IfIndex {
					t.Errorf("%T, %v: from %v by %d, a connection is from %v", engine, dst, route.Source, route.IfIndex, want)
				}
				if route.NextHops != 2 || route.PerFlow {
					t.Errorf("%T: %+v", engine, route)
				}
				used[route.Source]++
			}
			if len(used) != 2 {
				t.Errorf("%T used %v", engine, used)
			}
		}
	}
}

// So they do for each connection, where the kernel looks at ports.
func TestNextHopOfEachConnection(t *testing.T) {
	p := newPeer(t)
	twoHops(t, p)
	setHashPolicy(t, "1")
	c, frames := open(t, &Config{WatchOutgoing: true}), openPacketEngine(t)
	for _, first := range []string{"10.99.1.0", "2001:db8:99::"} {
		used, dst := map[netip.Addr]int{}, netip.AddrPortFrom(netip.MustParseAddr(first), 80)
		for port := uint16(20000); port < 20032; port++ {
			for _, engine := range []interface {
				RouteFlow(uint16, netip.AddrPort) (Route, error)
			}{c, frames} {
				route, err := engine.RouteFlow(port, dst)
				must(err)
				if want := connects(t, port, dst); route.Source != want || !route.PerFlow {
					t.Errorf("%T, port %d: from %v, a connection is from %v", engine, port, route.Source, want)
				}
				used[route.Source]++
			}
		}
		if len(used) != 2 {
			t.Errorf("%v used", used)
		}
	}
	if route, err := c.Route(peer4); err != nil || route.NextHops != 0 || route.PerFlow {
		t.Errorf("a route with one next hop: %+v, %v", route, err)
	}
}

func setHashPolicy(t *testing.T, policy string) {
	t.Helper()
	setSysctl(t, "net.ipv4.fib_multipath_hash_policy", policy)
	setSysctl(t, "net.ipv6.fib_multipath_hash_policy", policy)
}

// What is sent leaves by the next hop that was chosen for it, of a destination or of a
// connection.
func TestPacketsLeaveByTheirNextHop(t *testing.T) {
	p := newPeer(t)
	own := twoHops(t, p)
	for _, policy := range []string{"0", "1"} {
		setHashPolicy(t, policy)
		for _, frames := range []bool{false, true} {
			c := open(t, &Config{WatchOutgoing: true, Ports: 2, SendFrames: frames})
			var batch [][]byte
			for _, first := range []string{"10.99.1.0", "2001:db8:99::"} {
				dst := netip.AddrPortFrom(netip.MustParseAddr(first), 80)
				for i := range 32 {
					port := c.Ports()[i%2]
					route, err := c.Route(dst.Addr())
					must(err)
					if route.PerFlow {
						route, err = c.RouteFlow(port, dst)
						must(err)
					}
					batch = append(batch, segment(netip.AddrPortFrom(route.Source, port), dst, flagSYN, 1, 0))
					if route.PerFlow {
						dst = netip.AddrPortFrom(dst.Addr(), dst.Port()+1)
					} else {
						dst = netip.AddrPortFrom(dst.Addr().Next(), 80)
					}
				}
			}
			if _, err := c.Send(batch); err != nil {
				t.Fatal(err)
			}
			left, used := 0, map[int]int{}
			await(t, c, func(pkt Packet) bool {
				if pkt.Outgoing {
					left++
					used[pkt.IfIndex]++
					if src, _, _ := frameEnds(pkt.Data); own[src] != pkt.IfIndex {
						t.Errorf("policy %s, frames %v: what is from %v left through %d", policy, frames, src, pkt.IfIndex)
					}
				}
				return left == len(batch)
			})
			if left != len(batch) || len(used) != 2 {
				t.Errorf("policy %s, frames %v: %d of %d left, ways %v", policy, frames, left, len(batch), used)
			}
		}
	}
}

func openPacketEngine(t *testing.T) *PacketConn {
	t.Helper()
	c, err := OpenPacket(nil, synTemplates(t))
	must(err)
	t.Cleanup(func() { c.Close() })
	return c
}
