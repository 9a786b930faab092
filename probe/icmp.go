package probe

import (
	"net/netip"
	"strconv"
)

// icmpKind is what an ICMP error about a probe means to a scan.
type icmpKind uint8

const (
	icmpIgnored icmpKind = iota // says nothing of the port
	icmpVerdict
	icmpPathMTU // send less
)

// ICMP and ICMPv6 error types: RFC 792, RFC 1191, RFC 4443.
const (
	icmp4Unreachable  = 3
	icmp4TimeExceeded = 11
	icmp4ParamProblem = 12

	icmp4FragmentationNeeded = 4 // a code of icmp4Unreachable

	icmp6Unreachable  = 1
	icmp6PacketTooBig = 2
	icmp6TimeExceeded = 3
	icmp6ParamProblem = 4
)

var (
	icmp4Unreachables = map[uint8]Reason{
		0: "net-unreachable", 1: "host-unreachable", 2: "proto-unreachable", 3: "port-unreachable",
		9: "net-prohibited", 10: "host-prohibited", 13: "admin-prohibited",
	}
	icmp6Unreachables = []Reason{
		"no-route", "admin-prohibited", "beyond-scope", "addr-unreachable",
		"port-unreachable", "policy-failed", "reject-route", "source-route-error",
	}
)

// icmpMeaning sorts an ICMP error that quotes a probe to dst.
func icmpMeaning(dst netip.Addr, typ, code uint8) icmpKind {
	if dst.Is4() {
		switch {
		case typ == icmp4Unreachable && code == icmp4FragmentationNeeded:
			return icmpPathMTU
		case typ == icmp4Unreachable, typ == icmp4TimeExceeded, typ == icmp4ParamProblem:
			return icmpVerdict
		}
		return icmpIgnored
	}
	switch typ {
	case icmp6PacketTooBig:
		return icmpPathMTU
	case icmp6Unreachable, icmp6TimeExceeded, icmp6ParamProblem:
		return icmpVerdict
	}
	return icmpIgnored
}

// icmpReason names an ICMP error that decided the fate of a probe to dst.
func icmpReason(dst netip.Addr, typ, code uint8) Reason {
	if dst.Is4() {
		return icmp4Reason(typ, code)
	}
	switch {
	case typ == icmp6TimeExceeded:
		return ReasonTimeExceeded
	case typ == icmp6ParamProblem:
		return "param-problem"
	case int(code) < len(icmp6Unreachables):
		return icmp6Unreachables[code]
	}
	return Reason("icmp-1-" + strconv.Itoa(int(code)))
}

func icmp4Reason(typ, code uint8) Reason {
	switch typ {
	case icmp4TimeExceeded:
		return ReasonTimeExceeded
	case icmp4ParamProblem:
		return "param-problem"
	}
	if r, ok := icmp4Unreachables[code]; ok {
		return r
	}
	return Reason("icmp-3-" + strconv.Itoa(int(code)))
}

// ICMPMeaning says what an ICMP or ICMPv6 error about a segment to dst means:
// the reason of a filtered verdict, or "" where it says nothing of the port;
// tooBig where it asks for smaller packets instead (RFC 1191, RFC 8201).
func ICMPMeaning(dst netip.Addr, typ, code uint8) (reason Reason, tooBig bool) {
	switch icmpMeaning(dst, typ, code) {
	case icmpVerdict:
		return icmpReason(dst, typ, code), false
	case icmpPathMTU:
		return "", true
	}
	return "", false
}
