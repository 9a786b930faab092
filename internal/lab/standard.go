//go:build linux

package lab

import (
	"net/netip"
	"time"
)

// The wide host's prefixes, of the documentation ranges (RFC 5737, RFC 3849).
const (
	Wide4 = "198.51.100.0/24"
	Wide6 = "2001:db8:51::/64"
)

// RejectPort is the reject host's port for a code of destination unreachable:
// the same port rejects with ICMP and ICMPv6 where both have the code.
func RejectPort(code uint8) uint16 { return 7000 + uint16(code) }

// Standard is the lab of the demo and of agreement tests: one host for each way
// in which a port can answer.
//
//	web       22, 80, 443 open, the rest refused
//	fortress  everything dropped
//	reject    RejectPort(code) answered with that ICMP or ICMPv6 code
//	reset     80 open, the rest reset by the firewall
//	far       80 open, one router away, which rejects 8013 and drops 8000
//	slow      80 open, 20 ms away and back
//	lossy     80 open, one packet in ten lost each way
//	cookie    80 open, always answering with SYN cookies
//	wide      80 open at every address of Wide4 and Wide6
func Standard(seed uint64, logf func(format string, args ...any)) Spec {
	return Spec{Seed: seed, Logf: logf, Hosts: []HostSpec{
		{Name: "web", Services: []Service{
			{Ports: []uint16{22}, Manner: Banner, Banner: "SSH-2.0-synscope_lab\r\n"},
			{Ports: []uint16{80, 443}, Manner: Echo},
		}},
		{Name: "fortress", Services: http(), Rules: []Rule{{Do: Drop}}},
		{Name: "reject", Rules: rejections()},
		{Name: "reset", Services: http(), Rules: []Rule{{Ports: Port(80), Do: Accept}, {Do: Reset}}},
		{Name: "far", Services: http(), Routers: []RouterSpec{{Rules: []Rule{
			{Ports: Port(8000), Do: Drop},
			{Ports: Port(8013), Family: IPv4, Do: Reject, Code: 13},
			{Ports: Port(8013), Family: IPv6, Do: Reject, Code: 1},
		}}}},
		{Name: "slow", Services: http(), Link: &Link{
			Out: Path{Delay: 10 * time.Millisecond}, Back: Path{Delay: 10 * time.Millisecond},
		}},
		{Name: "lossy", Services: http(), Link: &Link{
			Out: Path{Delay: time.Millisecond, Loss: 0.1}, Back: Path{Delay: time.Millisecond, Loss: 0.1},
		}},
		{Name: "cookie", Services: http(), Sysctls: Sysctls{"net.ipv4.tcp_syncookies": "2"}},
		{Name: "wide", Services: http(), Prefixes: []netip.Prefix{
			netip.MustParsePrefix(Wide4), netip.MustParsePrefix(Wide6),
		}},
	}}
}

func http() []Service { return []Service{{Ports: []uint16{80}, Manner: Echo}} }

// rejections has one rule for each code that a firewall uses: nft(8), "REJECT
// STATEMENT", and the rest of RFC 4443 §3.1.
func rejections() []Rule {
	var rules []Rule
	for _, code := range []uint8{0, 1, 2, 3, 9, 10, 13} {
		rules = append(rules, Rule{Ports: Port(RejectPort(code)), Family: IPv4, Do: Reject, Code: code})
	}
	for code := range uint8(7) {
		rules = append(rules, Rule{Ports: Port(RejectPort(code)), Family: IPv6, Do: Reject, Code: code})
	}
	return rules
}
