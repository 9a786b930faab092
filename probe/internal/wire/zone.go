package wire

import (
	"net/netip"
	"slices"
	"strconv"

	"synscope/probe"
)

// linked is a network that can be told through which interface each packet leaves, as [netraw.Conn]
// can: two links may use the same link-local address, so the address alone is not enough.
type linked interface {
	SendEach(pkts [][]byte, via []int, refused func(i int, err error)) int
}

// SendOn is Send through the interfaces of the links, 0 for any, where the network
// can be told them. A single packet is not waited with: [Backoff] says when it is
// sent anew.
func SendOn(n probe.Network, pkts [][]byte, links []int) (sent int, err error) {
	each, ok := n.(linked)
	if !ok || len(pkts) > 1 && !slices.ContainsFunc(links, func(link int) bool { return link != 0 }) {
		return n.Send(pkts)
	}
	for i := range pkts {
		each.SendEach(pkts[i:i+1], links[min(i, len(links)):min(i+1, len(links))], func(_ int, refused error) { err = refused })
		if err != nil {
			return i, err
		}
	}
	return len(pkts), nil
}

// link is the interface that an answer to ev leaves through, 0 for any.
func (ev *Event) link() int {
	if a := ev.Seg.Src.Addr(); a.Is6() && a.IsLinkLocalUnicast() {
		return ev.Link
	}
	return 0
}

// SendAll sends what it can without waiting, where the network can do so, and
// tells refused of each of the rest: nobody waits behind another's packet.
func SendAll(n probe.Network, pkts [][]byte, links []int, refused func(i int, err error)) {
	if each, ok := n.(linked); ok {
		each.SendEach(pkts, links, refused)
		return
	}
	for at := 0; at < len(pkts); {
		sent, err := n.Send(pkts[at:])
		if at += sent; err != nil {
			refused(at, err)
			at++
		}
	}
}

// AsCarried is an address as packets on a link carry it. One of a link is another on
// each link (RFC 4007 §6), and is told by the link's number.
func AsCarried(a netip.Addr, link int) netip.Addr {
	if a.Is6() && a.IsLinkLocalUnicast() && link != 0 {
		return a.WithZone(strconv.Itoa(link))
	}
	return a.WithZone("")
}
