//go:build linux

// Package netstack is a host whose TCP is not Linux's: gVisor's netstack, in
// this process, at the far end of a tun device. It lets tests see whether what
// was learnt from one stack holds for another.
//
// The device lives in the network namespace of the calling process, which must
// be a lab's: see packages lab and tun.
package netstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"synscope/internal/lab/tun"
)

const (
	mtu   = 1500
	nicID = 1
	queue = 4096 // packets on their way out of the stack
)

// The addresses of the stack and of the prober's end of the device.
var (
	Addr4   = netip.MustParseAddr("10.200.0.2")
	Addr6   = netip.MustParseAddr("fd53:796e:7363:c8::2")
	prober4 = netip.MustParsePrefix("10.200.0.1/30")
	prober6 = netip.MustParsePrefix("fd53:796e:7363:c8::1/126")
)

// Config says what the host is like.
type Config struct {
	Cookies bool                // always answer with SYN cookies
	Ports   []uint16            // with a listener
	Serve   func(conn net.Conn) // what a listener does; nil echoes, and closes when the peer does
}

// Host is a running netstack.
type Host struct {
	stack     *stack.Stack
	link      *channel.Endpoint
	device    *tun.Device
	listeners []net.Listener
	stop      context.CancelFunc
	pumps     sync.WaitGroup
}

// New starts a host. Its device is gone after Close.
func New(cfg Config) (*Host, error) {
	h := &Host{}
	if err := h.start(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("netstack: %w", err), h.Close())
	}
	return h, nil
}

func (h *Host) start(cfg Config) (err error) {
	if h.device, err = tun.Open(prober4, prober6); err != nil {
		return err
	}
	if err := h.boot(cfg); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	h.pumps.Go(h.inward)
	h.pumps.Go(func() { h.outward(ctx) })
	return h.listen(cfg)
}

// boot makes the stack and gives it its addresses.
func (h *Host) boot(cfg Config) error {
	h.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	h.link = channel.New(queue, mtu, "")
	if err := h.stack.CreateNIC(nicID, h.link); err != nil {
		return errors.New(err.String())
	}
	cookies := tcpip.TCPAlwaysUseSynCookies(cfg.Cookies)
	if err := h.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &cookies); err != nil {
		return errors.New(err.String())
	}
	sack := tcpip.TCPSACKEnabled(true)
	if err := h.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &sack); err != nil {
		return errors.New(err.String())
	}
	for _, a := range []netip.Addr{Addr4, Addr6} {
		local := tcpip.ProtocolAddress{Protocol: protocolOf(a), AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix()}
		if err := h.stack.AddProtocolAddress(nicID, local, stack.AddressProperties{}); err != nil {
			return errors.New(err.String())
		}
	}
	h.stack.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: nicID}, {Destination: header.IPv6EmptySubnet, NIC: nicID},
	})
	return nil
}

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

// inward carries packets from the device to the stack until the device closes.
func (h *Host) inward() {
	buf := make([]byte, 1<<16)
	for {
		n, err := h.device.Read(buf)
		if err != nil {
			return
		}
		protocol := header.IPv4ProtocolNumber
		if buf[0]>>4 == 6 {
			protocol = header.IPv6ProtocolNumber
		}
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(buf[:n])})
		h.link.InjectInbound(protocol, pkt)
		pkt.DecRef()
	}
}

// outward carries packets from the stack to the device.
func (h *Host) outward(ctx context.Context) {
	for {
		pkt := h.link.ReadContext(ctx)
		if pkt == nil {
			return
		}
		view := pkt.ToView()
		h.device.Write(view.AsSlice())
		view.Release()
		pkt.DecRef()
	}
}

func (h *Host) listen(cfg Config) error {
	serve := cfg.Serve
	if serve == nil {
		serve = echo
	}
	for _, port := range cfg.Ports {
		for _, a := range []netip.Addr{Addr4, Addr6} {
			at := tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFromSlice(a.AsSlice()), Port: port}
			l, err := gonet.ListenTCP(h.stack, at, protocolOf(a))
			if err != nil {
				return err
			}
			h.listeners = append(h.listeners, l)
			h.pumps.Go(func() { accept(l, serve) })
		}
	}
	return nil
}

func accept(l net.Listener, serve func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go serve(conn)
	}
}

func echo(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return
		}
	}
}

// Close stops everything and removes the device.
func (h *Host) Close() error {
	for _, l := range h.listeners {
		l.Close()
	}
	if h.stop != nil {
		h.stop()
	}
	var err error
	if h.device != nil {
		err = h.device.Close()
	}
	h.pumps.Wait()
	if h.stack != nil {
		h.stack.Close()
	}
	return err
}
