//go:build !linux

package netraw

import (
	"net/netip"
	"time"

	"synscope/craft"
)

type packetConn struct{}

func (c *packetConn) open(Config, Templates) error      { return errUnsupported() }
func (c *packetConn) blast([]craft.Fields) (int, error) { return 0, errUnsupported() }
func (c *packetConn) send([][]byte) (int, error)        { return 0, errUnsupported() }
func (c *packetConn) sendEach(pkts [][]byte, via []int, refused func(int, error)) int {
	return (&conn{}).sendEach(pkts, via, refused)
}
func (c *packetConn) inZone(a netip.Addr, _ int) netip.Addr     { return a }
func (c *packetConn) routeRemarks() []string                    { return nil }
func (c *packetConn) routeChanges() uint64                      { return 0 }
func (c *packetConn) takesIn(int, netip.Addr, netip.Addr) error { return nil }
func (c *packetConn) routeFlow(uint16, netip.AddrPort) (Route, error) {
	return Route{}, errUnsupported()
}
func (c *packetConn) isQuiet() bool                   { return true }
func (c *packetConn) recv([]Packet) (int, error)      { return 0, errUnsupported() }
func (c *packetConn) setReadDeadline(time.Time) error { return errUnsupported() }
func (c *packetConn) route(netip.Addr) (Route, error) { return Route{}, errUnsupported() }
func (c *packetConn) heldPorts() []uint16             { return nil }
func (c *packetConn) stats() Stats                    { return Stats{} }
func (c *packetConn) silencer() string                { return "" }
func (c *packetConn) close() error                    { return errUnsupported() }
