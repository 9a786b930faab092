package wire

import "synscope/probe"

// SoftError tells whether a verdict rests on one of the ICMP errors that RFC 1122 §4.2.3.9 and RFC
// 5461 §2 call soft: no TCP gives up a connection for them, since their cause may pass. ttl is the
// TTL that the caller asked for, 0 for the usual one: a lower one is meant to be exceeded.
func SoftError(v *probe.Verdict, ttl uint8) bool {
	switch v.Reason {
	case "net-unreachable", "host-unreachable", "icmp-3-5", "no-route", "addr-unreachable":
		return true
	case probe.ReasonTimeExceeded:
		return ttl == 0
	}
	return false
}
