package flow

import (
	"strconv"

	"synscope/craft"
)

// rejection names why a packet is not followed: the protocol that it has in the
// place of TCP, or what is wrong with it.
func rejection(err error, b []byte) string {
	switch err {
	case craft.ErrUnsupported:
		return protocolName(protocolOf(b))
	case craft.ErrFragment:
		return "fragment"
	case craft.ErrTruncated:
		return "truncated"
	}
	return "malformed"
}

// protocolOf is the upper-layer protocol of an IP packet as its header says:
// that of IPv6 behind the extension headers that are there.
func protocolOf(b []byte) byte {
	const hopByHop, routing, fragment, destination = 0, 43, 44, 60
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return b[9]
	case len(b) < 40:
		return 0
	}
	next, rest := b[6], b[40:]
	for len(rest) >= 8 {
		n := 8
		switch next {
		case hopByHop, routing, destination:
			n = int(rest[1])*8 + 8
		case fragment:
		default:
			return next
		}
		if next = rest[0]; len(rest) < n {
			break
		}
		rest = rest[n:]
	}
	return next
}

// protocolNames are the IP protocols that are met often (IANA).
var protocolNames = map[byte]string{
	1: "icmp", 2: "igmp", 4: "ipip", 17: "udp", 33: "dccp", 41: "ipv6-in-ip", 46: "rsvp", 47: "gre", 50: "esp", 51: "ah",
	58: "icmpv6", 59: "no-next-header", 88: "eigrp", 89: "ospf", 97: "etherip", 103: "pim", 112: "vrrp", 115: "l2tp",
	132: "sctp", 136: "udp-lite",
}

func protocolName(p byte) string {
	if name := protocolNames[p]; name != "" {
		return name
	}
	return "ip-protocol-" + strconv.Itoa(int(p))
}
