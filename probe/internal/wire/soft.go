package wire

import "synscope/probe"

// SoftError tells whether a verdict is one of the ICMP errors that RFC 1122 §4.2.3.9 and RFC 5461 §2
// call soft: no TCP gives a connection up for them, since what they tell of may pass. ttl is the one that was asked
// for, 0 for the usual one: another is meant to be exceeded.
func SoftError(v *probe.Verdict, ttl uint8) bool {
	switch v.Reason {
	case "net-unreachable", "host-unreachable", "icmp-3-5", "no-route", "addr-unreachable":
		return true
	case probe.ReasonTimeExceeded:
		return ttl == 0
	}
	return false
}
