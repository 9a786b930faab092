//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"slices"
)

// Fate is what becomes of a probe in a lab.
type Fate uint8

// The fates.
const (
	Opened          Fate = iota // it reaches a listener
	Refused                     // it reaches a host's TCP, where nobody listens
	Dropped                     // a firewall swallows it
	Rejected                    // a firewall answers with ICMP destination unreachable
	ResetByFirewall             // a firewall answers with RST
	Missing                     // the last hop finds no neighbour of that address
)

// String names the fate in kebab case.
func (f Fate) String() string {
	return [...]string{"open", "refused", "dropped", "rejected", "reset-by-firewall", "missing"}[f]
}

// Expectation is what a correct prober finds. State and Reason are the words of
// the project's verdict tables.
type Expectation struct {
	Host      string
	Dst       netip.AddrPort
	Technique string
	Fate      Fate
	Type      uint8      // of the ICMP error, for Rejected
	Code      uint8      // likewise
	Responder netip.Addr // who answers; zero if nobody does
	State     string
	Reason    string // empty where several are right
	Certain   bool   // false where chance (Rule.Chance, Path.Loss) has a say
}

// String is one line for a person.
func (e Expectation) String() string {
	return fmt.Sprintf("%s %s to %s: %s (%s, %s)", e.Technique, e.Dst, e.Host, e.Fate, e.State, e.Reason)
}

// probes maps the techniques to the flags of their segments.
var probes = map[string]uint8{
	"syn": 0x02, "connect": 0x02, "ack": 0x10, "window": 0x10,
	"fin": 0x01, "null": 0x00, "xmas": 0x29, "maimon": 0x11,
}

// Techniques lists the names that [Host.Expect] knows.
func Techniques() []string {
	return []string{"syn", "connect", "ack", "window", "fin", "null", "xmas", "maimon"}
}

// Expect works out from the spec what a probe of a port finds. dst must be one
// of the host's addresses, or its absent one. It is an oracle, not a
// measurement: routers' rules, then the host's, then its listeners. It panics on
// an unknown technique.
func (h *Host) Expect(dst netip.AddrPort, technique string) Expectation {
	flags, ok := probes[technique]
	if !ok {
		panic("lab: unknown technique " + technique)
	}
	e := Expectation{Host: h.Name, Dst: dst, Technique: technique, Certain: h.lossless()}
	h.travel(&e, flags)
	e.State, e.Reason = e.judge()
	return e
}

// travel follows the probe until something decides its fate.
func (h *Host) travel(e *Expectation, flags uint8) {
	for i, r := range h.spec.Routers {
		if e.meets(r.Rules, flags) {
			e.Responder = h.answers(e, h.links[i].at(farEnd, e.Dst.Addr()))
			return
		}
	}
	switch {
	case h.isAbsent(e.Dst.Addr()):
		e.Fate = Missing
		return
	case e.meets(h.spec.Rules, flags):
	case h.spec.SynProxy != nil && slices.Contains(h.spec.SynProxy.Ports, e.Dst.Port()):
		h.passProxy(e, flags)
	case h.listens(e.Dst.Port()):
		e.Fate = Opened
	default:
		e.Fate = Refused
	}
	e.Responder = h.answers(e, e.Dst.Addr())
}

// passProxy is a SYN proxy's treatment: a segment that neither is a SYN nor
// acknowledges a cookie is dropped.
func (h *Host) passProxy(e *Expectation, flags uint8) {
	if flags != flagSYN {
		e.Fate = Dropped
	} else {
		e.Fate = Opened
	}
}

// meets applies the first rule that takes the segment, and reports whether it
// ended there.
func (e *Expectation) meets(rules []Rule, flags uint8) bool {
	for _, r := range rules {
		if !r.takes(e.Dst, flags) {
			continue
		}
		if r.Chance > 0 && r.Chance < 1 {
			e.Certain = false
			continue
		}
		return e.suffer(r)
	}
	return false
}

func (e *Expectation) suffer(r Rule) bool {
	switch r.Do {
	case Drop:
		e.Fate = Dropped
	case Reset:
		e.Fate = ResetByFirewall
	case Reject:
		e.Fate, e.Type, e.Code = Rejected, unreachable(e.Dst.Addr()), r.Code
	default:
		return false
	}
	return true
}

// unreachable is the type of destination unreachable: RFC 792, RFC 4443 §3.1.
func unreachable(a netip.Addr) uint8 {
	if a.Is4() {
		return 3
	}
	return 1
}

func (r Rule) takes(dst netip.AddrPort, flags uint8) bool {
	family := r.Family == Both || (r.Family == IPv4) == dst.Addr().Is4()
	port := r.Ports == (PortRange{}) || r.Ports.First <= dst.Port() && dst.Port() <= r.Ports.Last
	return family && port && flags&r.Mask == r.Flags&r.Mask
}

// answers is the source address of the answer that at would give: none after a
// drop; RST comes in the target's name whoever makes it; an ICMPv6 error about
// an address that is only routed here ([HostSpec.Prefixes]) comes from an
// assigned one.
func (h *Host) answers(e *Expectation, at netip.Addr) netip.Addr {
	switch {
	case e.Fate == Dropped || e.Fate == Missing:
		return netip.Addr{}
	case e.Fate != Rejected:
		return e.Dst.Addr()
	case at.Is6() && at == e.Dst.Addr():
		return h.Addr6()
	}
	return at
}

func (h *Host) isAbsent(a netip.Addr) bool { return a == h.Absent4() || a == h.Absent6() }

func (h *Host) listens(port uint16) bool {
	return slices.ContainsFunc(h.spec.Services, func(s Service) bool { return slices.Contains(s.Ports, port) })
}

func (h *Host) lossless() bool {
	l := h.spec.Link
	return l == nil || l.Out.Loss == 0 && l.Back.Loss == 0 && l.Out.Lose == nil && l.Back.Lose == nil
}
