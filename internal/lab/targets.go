//go:build linux

package lab

import (
	"net/netip"
	"slices"
)

// unusedPort stands for the ports of a host that its spec says nothing about.
const unusedPort = 9

// Targets lists, for every host, what is worth probing: each port that a service
// or a rule names, and one that nothing names, at each address; of a prefix, an
// address in its middle.
func (l *Lab) Targets() []netip.AddrPort {
	var list []netip.AddrPort
	for _, h := range l.hosts {
		for _, a := range h.Addresses() {
			for _, port := range h.Ports() {
				list = append(list, netip.AddrPortFrom(a, port))
			}
		}
	}
	return list
}

// Expect is [Host.Expect] of the host that has the address, absent ones
// included. ok is false if none has.
func (l *Lab) Expect(dst netip.AddrPort, technique string) (e Expectation, ok bool) {
	for _, h := range l.hosts {
		if h.owns(dst.Addr()) {
			return h.Expect(dst, technique), true
		}
	}
	return Expectation{}, false
}

func (h *Host) owns(a netip.Addr) bool {
	holds := func(p netip.Prefix) bool { return p.Contains(a) }
	return a == h.Addr4() || a == h.Addr6() || h.isAbsent(a) || slices.ContainsFunc(h.spec.Prefixes, holds)
}

// Addresses lists the host's own addresses, and one of each prefix.
func (h *Host) Addresses() []netip.Addr {
	list := []netip.Addr{h.Addr4(), h.Addr6()}
	for _, p := range h.spec.Prefixes {
		list = append(list, middle(p))
	}
	return list
}

// middle is the address of a prefix whose host part is a one and then zeros.
func middle(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	if p.Bits() < 8*len(b) {
		b[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Ports lists, in order, the ports that a service or rule of the host or its
// routers names (of a range, both ends), and one that nothing names.
func (h *Host) Ports() []uint16 {
	ports := []uint16{unusedPort}
	for _, s := range h.spec.Services {
		ports = append(ports, s.Ports...)
	}
	rules := slices.Clone(h.spec.Rules)
	for _, r := range h.spec.Routers {
		rules = append(rules, r.Rules...)
	}
	for _, r := range rules {
		if r.Ports != (PortRange{}) {
			ports = append(ports, r.Ports.First, r.Ports.Last)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
