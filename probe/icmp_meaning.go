package probe

import "net/netip"

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
