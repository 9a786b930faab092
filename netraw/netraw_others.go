//go:build !linux

package netraw

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"
)

func errUnsupported() error {
	return fmt.Errorf("netraw: %s: %w", runtime.GOOS, ErrUnsupportedOS)
}

type conn struct{}

func (c *conn) open(Config) error          { return errUnsupported() }
func (c *conn) send([][]byte) (int, error) { return 0, errUnsupported() }
func (c *conn) sendEach(pkts [][]byte, via []int, refused func(int, error)) int {
	for i := range pkts {
		refused(i, errUnsupported())
	}
	return 0
}
func (c *conn) sendBeside() (func([][]byte) (int, error), bool) { return nil, false }
func (c *conn) inZone(a netip.Addr, _ int) netip.Addr           { return a }
func (c *conn) routeRemarks() []string                          { return nil }
func (c *conn) routeChanges() uint64                            { return 0 }
func (c *conn) takesIn(int, netip.Addr, netip.Addr) error       { return nil }
func (c *conn) routeFlow(uint16, netip.AddrPort) (Route, error) {
	return Route{}, errUnsupported()
}
func (c *conn) isQuiet() bool                   { return true }
func (c *conn) recv([]Packet) (int, error)      { return 0, errUnsupported() }
func (c *conn) poll([]Packet) (int, error)      { return 0, errUnsupported() }
func (c *conn) await(d, gather time.Duration)   {}
func (c *conn) wake()                           {}
func (c *conn) unwatch() error                  { return errUnsupported() }
func (c *conn) setReadDeadline(time.Time) error { return errUnsupported() }
func (c *conn) route(netip.Addr) (Route, error) { return Route{}, errUnsupported() }
func (c *conn) heldPorts() []uint16             { return nil }
func (c *conn) lend() (uint16, bool)            { return 0, false }
func (c *conn) stats() Stats                    { return Stats{} }
func (c *conn) silencer() string                { return "" }
func (c *conn) close() error                    { return errUnsupported() }

func hardwareStamps(string) error { return errUnsupported() }

func outputTranslated() bool { return false }

func monotonicRaw() time.Duration { return 0 }

func openNeighbourTable() (NeighbourTable, error) { return nil, errUnsupported() }

type neighbours struct{}

func (n *neighbours) open(NeighbourConfig) error { return errUnsupported() }
func (n *neighbours) ask(dst netip.Addr) Neighbour {
	return Neighbour{Addr: dst, State: NeighbourUnknown, Err: errUnsupported()}
}
func (n *neighbours) askRoute(dst netip.Addr, _ Route) Neighbour { return n.ask(dst) }
func (n *neighbours) askAgain(dst netip.Addr, _ Route) Neighbour { return n.ask(dst) }
func (n *neighbours) poll(found []Neighbour) []Neighbour         { return found }
func (n *neighbours) ready() <-chan struct{}                     { return nil }
func (n *neighbours) next() (time.Duration, bool)                { return 0, false }
func (n *neighbours) pending() int                               { return 0 }
func (n *neighbours) forget(netip.Addr)                          {}
func (n *neighbours) close() error                               { return errUnsupported() }

type held struct{}

func (h *held) hold(int, PortConfig) error { return errUnsupported() }
func (h *held) holds(netip.Addr) bool      { return false }
func (h *held) list() []uint16             { return nil }
func (h *held) mechanism() Silencer        { return SilencerAuto }
func (h *held) close() error               { return errUnsupported() }

func capabilities() []Capability {
	return []Capability{{
		Name:   "linux",
		Err:    errUnsupported(),
		For:    "every probe that leaves through a raw socket",
		Remedy: "run on Linux, or in a Linux virtual machine",
	}}
}

func linkByName(string) (Link, error) { return Link{}, errUnsupported() }
