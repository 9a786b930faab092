package netraw

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"synscope/craft"
)

// nudger makes the kernel resolve a neighbour by giving it a packet for it, where
// its table may not be changed.
type nudger struct {
	out sender
}

func (n *nudger) open(cfg NeighbourConfig, routes *router) error {
	return n.out.open(Config{Interface: cfg.Interface, Source: cfg.Source.Unmap()}, routes)
}

// discardPort is that of RFC 863; port 0 would draw the attention of firewalls.
const discardPort = 9

// send gives the kernel a bare RST of no connection, which no TCP answers (RFC
// 9293 §3.10.7.1: "an incoming segment containing a RST is discarded").
func (n *nudger) send(key neighbour, dst netip.Addr, routes *router) error {
	route, err := routes.route(dst)
	if err != nil {
		return err
	}
	s := craft.Segment{
		Src: netip.AddrPortFrom(route.Source, discardPort), Dst: netip.AddrPortFrom(key.addr, discardPort),
		TTL: 64, DF: true, Flags: craft.RST,
	}
	packet, err := s.AppendTo(nil)
	if err != nil {
		return err
	}
	var refused error
	n.out.sendEach([][]byte{packet}, []int{key.ifindex}, func(_ int, err error) { refused = err })
	if isFull(refused) {
		return unix.ENOBUFS
	}
	return refused
}

func (n *nudger) close() error { return n.out.close() }
