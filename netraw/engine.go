package netraw

import (
	"net/netip"
	"time"
)

// engine is what [PacketConn] and [XDPConn] do in the same way as [Conn].
type engine struct{ base }

// Send is that of [Conn.Send]: through the kernel's IP.
func (e *engine) Send(pkts [][]byte) (int, error) { return e.send(pkts) }

// SendEach is that of [Conn.SendEach].
func (e *engine) SendEach(pkts [][]byte, via []int, refused func(i int, err error)) int {
	return e.sendEach(pkts, via, refused)
}

// Route is that of [Conn.Route], at some nanoseconds a look-up: see [PacketConn].
func (e *engine) Route(dst netip.Addr) (Route, error) { return e.route(dst) }

// InZone is that of [Conn.InZone].
func (e *engine) InZone(addr netip.Addr, ifindex int) netip.Addr { return e.inZone(addr, ifindex) }

// RouteRemarks is that of [Conn.RouteRemarks].
func (e *engine) RouteRemarks() []string { return e.routeRemarks() }

// TakesIn is that of [Conn.TakesIn].
func (e *engine) TakesIn(ifindex int, src, dst netip.Addr) error { return e.takesIn(ifindex, src, dst) }

// RouteFlow is that of [Conn.RouteFlow].
func (e *engine) RouteFlow(port uint16, dst netip.AddrPort) (Route, error) {
	return e.routeFlow(port, dst)
}

// RouteChanges is that of [Conn.RouteChanges].
func (e *engine) RouteChanges() uint64 { return e.routeChanges() }

// Ports returns the held source ports.
func (e *engine) Ports() []uint16 { return e.heldPorts() }

// MonotonicRaw is that of [Conn.MonotonicRaw].
func (e *engine) MonotonicRaw() time.Duration { return monotonicRaw() }

// Silencer is that of [Conn.Silencer].
func (e *engine) Silencer() string { return e.silencer() }
