package live_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
)

// Ports of backends that are no good.
const (
	dead   = 8444
	closed = 8445
	slow   = 8446
)

// chained makes a chain with one rule in the namespace of the calling thread.
func chained(c *nftables.Chain, family nftables.TableFamily, rule ...expr.Any) error {
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	c.Table = conn.AddTable(&nftables.Table{Family: family, Name: "scene"})
	conn.AddChain(c)
	conn.AddRule(&nftables.Rule{Table: c.Table, Chain: c, Exprs: rule})
	return conn.Flush()
}

// toPort matches "tcp dport" or, with offset 0, "tcp sport".
func toPort(p uint16, offset uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(p)},
	}
}

// balanced gives a third of the new connections, drawn at random, to another port of
// the host: a load balancer of which one backend is no good.
func balanced(to uint16) func(*testing.T, *lab.Host) {
	return func(t *testing.T, h *lab.Host) {
		addr := h.Addr4().As4()
		rule := append(toPort(port, 2),
			&expr.Numgen{Register: 1, Type: unix.NFT_NG_RANDOM, Modulus: 3},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(0)},
			&expr.Immediate{Register: 1, Data: addr[:]},
			&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(to)},
			&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegProtoMin: 2})
		must(t, h.DoRouter(0, func() error {
			return chained(&nftables.Chain{Name: "pre", Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest}, nftables.TableFamilyIPv4, rule...)
		}))
	}
}

// slowBackend lets one backend's program take its time.
func slowBackend(t *testing.T, h *lab.Host) {
	serveSlowly(t, h, slow, 1800*time.Millisecond)
	balanced(slow)(t, h)
}

// limited lets a host have so many connections at a time.
func limited(most uint32) func(*testing.T, *lab.Host) {
	return func(t *testing.T, h *lab.Host) {
		rule := append(toPort(port, 2),
			&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitNEW), Xor: binaryutil.NativeEndian.PutUint32(0)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(0)},
			&expr.Connlimit{Count: most, Flags: expr.NFT_CONNLIMIT_F_INV},
			&expr.Verdict{Kind: expr.VerdictDrop})
		must(t, h.Do(func() error {
			return chained(&nftables.Chain{Name: "in", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter}, nftables.TableFamilyINet, rule...)
		}))
	}
}

// oldConnections lets the host hold connections from most of our ports that nobody on this
// side knows of any more: sockets in repair mode connect without a packet (tcp(7)).
func oldConnections(t *testing.T, h *lab.Host, ports []uint16) {
	must(t, h.Do(func() error {
		for i, p := range ports {
			if i%3 == 0 {
				continue
			}
			fd, err := repaired(netip.AddrPortFrom(h.Addr4(), port), netip.AddrPortFrom(h.Prober4(), p))
			if err != nil {
				return err
			}
			t.Cleanup(func() { unix.Close(fd) })
		}
		return nil
	}))
}

// repaired is an established connection of the kernel's that was never opened.
func repaired(src, dst netip.AddrPort) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return fd, err
	}
	address := func(a netip.AddrPort) *unix.SockaddrInet4 {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return fd, errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, unix.TCP_REPAIR_ON),
		unix.Bind(fd, address(src)), unix.Connect(fd, address(dst)),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, unix.TCP_REPAIR_OFF_NO_WP))
}

// restricted drops what this machine sends to a port.
func restricted(p uint16) func(*testing.T, *lab.Host) {
	return func(t *testing.T, _ *lab.Host) {
		remove, err := lab.RestrictOutput(lab.Rule{Ports: lab.Port(p), Do: lab.Drop})
		must(t, err)
		t.Cleanup(func() { remove() })
	}
}

// deaf drops what this machine gets from a port, behind packet sockets.
func deaf(p uint16) func(*testing.T, *lab.Host) {
	return func(t *testing.T, _ *lab.Host) {
		must(t, chained(&nftables.Chain{Name: "in", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter},
			nftables.TableFamilyINet, append(toPort(p, 0), &expr.Verdict{Kind: expr.VerdictDrop})...))
	}
}

// lostGateway routes a network of its own to a gateway that is not there.
func lostGateway(t *testing.T, h *lab.Host) {
	l, err := netlink.LinkByName(h.Interface())
	must(t, err)
	network := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, h.Addr4().As4()[2], 0}), 24)
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: net.IP(h.Absent4().AsSlice()),
		Dst: &net.IPNet{IP: net.IP(network.Addr().AsSlice()), Mask: net.CIDRMask(24, 32)}}))
}

// unplugged takes the other end of the cable down.
func unplugged(t *testing.T, h *lab.Host) {
	must(t, h.Do(func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return err
		}
		for _, l := range links {
			if l.Type() == "veth" {
				if err := netlink.LinkSetDown(l); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// injected lets the first router answer every SYN with a forged packet, while the host
// answers too.
func injected(forge func(out int, ip []byte, p *tcp)) func(*testing.T, *lab.Host) {
	return func(t *testing.T, h *lab.Host) { inject(t, h, forge) }
}

func inject(t *testing.T, h *lab.Host, forge func(out int, ip []byte, p *tcp)) {
	t.Helper()
	var in, out int
	must(t, h.DoRouter(0, func() (err error) {
		if in, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, int(htons(unix.ETH_P_IP))); err == nil {
			out, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		}
		return err
	}))
	must(t, unix.SetsockoptTimeval(in, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}))
	done := make(chan struct{})
	t.Cleanup(func() { close(done); time.Sleep(200 * time.Millisecond); unix.Close(in); unix.Close(out) })
	go func() {
		b := make([]byte, 2048)
		last := uint32(0)
		for {
			select {
			case <-done:
				return
			default:
			}
			n, _, err := unix.Recvfrom(in, b, 0)
			if err != nil {
				continue
			}
			p, ok := parse(b[:n])
			if !ok || !p.syn() || p.dport != port || p.seq == last {
				continue
			}
			last = p.seq
			forge(out, b[:n], &p)
		}
	}()
}

// forgeReset sends an RST from where the host is, but with another TTL.
func forgeReset(out int, ip []byte, p *tcp) {
	src, dst := netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
	s := craft.Segment{Src: netip.AddrPortFrom(dst, p.dport), Dst: netip.AddrPortFrom(src, p.sport), TTL: 57, Flags: craft.RST | craft.ACK, Ack: craft.Seq(p.seq + 1)}
	b, err := s.AppendTo(nil)
	if err == nil {
		unix.Sendto(out, b, 0, &unix.SockaddrInet4{Addr: src.As4()})
	}
}

// forgeElsewhere sends a SYN-ACK that is right but for its source address.
func forgeElsewhere(out int, ip []byte, p *tcp) {
	src := netip.AddrFrom4([4]byte(ip[12:16]))
	s := craft.Segment{Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:20])).Next(), p.dport), Dst: netip.AddrPortFrom(src, p.sport), TTL: 60,
		Flags: craft.SYN | craft.ACK, Seq: 77, Ack: craft.Seq(p.seq + 1), Window: 64240}
	if b, err := s.AppendTo(nil); err == nil {
		unix.Sendto(out, b, 0, &unix.SockaddrInet4{Addr: src.As4()})
	}
}

// forgeUnreachable sends an ICMP error for a SYN that is on its way to the host: "host
// unreachable" (RFC 792). The kernel fills in the router's address and the header's checksum.
func forgeUnreachable(out int, ip []byte, _ *tcp) {
	const quoted = 28 // the IP header and 8 bytes
	icmp := append([]byte{3, 1, 0, 0, 0, 0, 0, 0}, ip[:quoted]...)
	sum := uint32(0)
	for i := 0; i < len(icmp); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(icmp[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(icmp[2:], ^uint16(sum&0xffff+sum>>16))
	header := make([]byte, 20)
	header[0], header[8], header[9] = 0x45, 64, unix.IPPROTO_ICMP
	copy(header[16:], ip[12:16])
	unix.Sendto(out, append(header, icmp...), 0, &unix.SockaddrInet4{Addr: [4]byte(ip[12:16])})
}

func htons(v uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unroutable gives the first router a route of the type unreachable.
func unroutable(t *testing.T, h *lab.Host) {
	must(t, h.DoRouter(0, func() error {
		return netlink.RouteAdd(&netlink.Route{Type: unix.RTN_UNREACHABLE, Dst: single(h.Addr4())})
	}))
}

// circular lets the second router send what is for the host back to the first.
func circular(t *testing.T, h *lab.Host) {
	must(t, h.DoRouter(1, func() error {
		routes, err := netlink.RouteGet(net.IP(h.Prober4().AsSlice()))
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{LinkIndex: routes[0].LinkIndex, Gw: routes[0].Gw, Dst: single(h.Addr4())})
	}))
}

func single(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: net.IP(a.AsSlice()), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}

// acceptingSlowly serves one connection after the other, each for a while, with a short queue.
func acceptingSlowly(backlog int, each time.Duration) func(*testing.T, *lab.Host) {
	return func(t *testing.T, h *lab.Host) {
		var fd int
		must(t, h.Do(func() (err error) {
			if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
				return err
			}
			return errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Port: port}), unix.Listen(fd, backlog))
		}))
		t.Cleanup(func() { unix.Shutdown(fd, unix.SHUT_RDWR); unix.Close(fd) })
		go func() {
			for {
				c, _, err := unix.Accept(fd)
				if err != nil {
					return
				}
				time.Sleep(each)
				unix.Close(c)
			}
		}()
	}
}
