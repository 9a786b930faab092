package wire

import (
	"net/netip"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// Machine recognises what this machine itself sends in a target's name. If a rule of its output
// firewall rejects a probe, the RST bears the target's address and the ICMP error quotes the probe,
// but both come in through the loopback interface and say nothing about the target. The zero value
// recognises nothing.
type Machine struct {
	network probe.Network
	local   map[netip.Addr]bool // whether an address is this machine's own
	takes   takesIn             // nil where the network cannot tell
	checked map[arrival]bool    // whether the answers of a network are taken in
}

// takesIn is netraw.Conn.TakesIn.
type takesIn interface {
	TakesIn(ifindex int, src, dst netip.Addr) error
}

// arrival is by which interface answers of a network come.
type arrival struct {
	ifindex int
	network [3]byte // an IPv4 /24
}

func NewMachine(n probe.Network) Machine {
	takes, _ := within[takesIn](n)
	return Machine{network: n, local: map[netip.Addr]bool{}, takes: takes, checked: map[arrival]bool{}}
}

// loopback is the index of lo in every network namespace (LOOPBACK_IFINDEX in
// include/net/flow.h).
const loopback = 1

// Rejected tells whether a packet is this machine's own answer to a probe that did not
// leave. Its ICMP errors about a route or a neighbour are the kernel's, and count.
func (m *Machine) Rejected(in *netraw.Packet, p *craft.Packet) bool {
	if m.network == nil || in.IfIndex != loopback || in.Outgoing || in.Translated {
		return false
	}
	if p.Kind == craft.PacketTCP {
		s := &p.Segment
		return s.Flags.Has(craft.RST) && m.foreign(s.Src.Addr(), s.Dst.Addr())
	}
	q := &p.ICMP.Quote
	return p.Kind == craft.PacketICMPError && p.ICMP.Src == q.Src.Addr() && m.foreign(q.Dst.Addr(), q.Src.Addr()) && prohibits(q.Dst.Addr(), &p.ICMP)
}

// Accepted tells whether a SYN-ACK is this machine's own, in the name of a target that
// is another: a rule leads what is sent there to a program here (nft redirect, TPROXY).
func (m *Machine) Accepted(in *netraw.Packet, s *craft.Segment) bool {
	return m.network != nil && in.IfIndex == loopback && !in.Outgoing && m.foreign(s.Src.Addr(), s.Dst.Addr())
}

// Discards is why this machine's own kernel drops an answer, nil if it takes it in or if that is
// not known. It is asked once for each network from which nothing is dropped, and for no more than
// mostArrivals networks.
func (m *Machine) Discards(in *netraw.Packet, s *craft.Segment) error {
	src := s.Src.Addr()
	if m.takes == nil || !src.Is4() || in.IfIndex == loopback || in.Outgoing || in.Translated {
		return nil
	}
	four := src.As4()
	a := arrival{in.IfIndex, [3]byte(four[:3])}
	taken, known := m.checked[a]
	if taken || !known && len(m.checked) >= mostArrivals {
		return nil
	}
	why := m.takes.TakesIn(in.IfIndex, src, s.Dst.Addr())
	m.checked[a] = why == nil
	return why
}

// foreign tells whether a target is not this machine.
func (m *Machine) foreign(target, source netip.Addr) bool {
	if target == source || target.IsLoopback() {
		return false
	}
	local, known := m.local[target]
	if !known {
		route, err := m.network.Route(target)
		local = err == nil && route.Local
		if len(m.local) < mostLocal {
			m.local[target] = local
		}
	}
	return !local
}

// zone is that of a link-local address of which a packet came in through an interface.
func (m *Machine) zone(a netip.Addr, ifindex int) string {
	if m.network == nil {
		return ""
	}
	return m.network.InZone(a, ifindex).Zone()
}

// mostLocal bounds how many addresses are remembered.
const mostLocal = 1 << 12

// mostArrivals bounds how many networks are remembered.
const mostArrivals = 1 << 14

// prohibits tells whether an ICMP error is one that a firewall sends.
func prohibits(target netip.Addr, e *craft.ICMPError) bool {
	switch reason, tooBig := probe.ICMPMeaning(target, e.Type, e.Code); reason {
	case "", "host-unreachable", "net-unreachable", "addr-unreachable", "no-route", probe.ReasonTimeExceeded:
		return false
	default:
		return !tooBig
	}
}
