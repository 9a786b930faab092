package wire

import (
	"net/netip"
	"os"
	"syscall"
	"testing"

	"synscope/netraw"
	"synscope/probe"
)

// What the kernel makes of an ICMP error (net/ipv4/icmp.c, icmp_err_convert;
// net/ipv6/icmp.c, tab_unreach and icmpv6_err_convert) is an answer of the network,
// and no refusal of this machine to send.
func TestErrorsOfTheNetworkAreVerdicts(t *testing.T) {
	target := netip.MustParseAddrPort("192.0.2.7:80")
	for errno, reason := range map[syscall.Errno]probe.Reason{
		syscall.ENETUNREACH: "net-unreachable", syscall.EHOSTUNREACH: "host-unreachable",
		syscall.ENOPROTOOPT: "proto-unreachable", syscall.EOPNOTSUPP: "icmp-3-5",
		syscall.EHOSTDOWN: "icmp-3-7", syscall.ENONET: "icmp-3-8",
		syscall.EPROTO: "param-problem", syscall.EACCES: "prohibited",
	} {
		v := JudgeConnect(target, netraw.Handshake{}, os.NewSyscallError("connect", errno))
		if v.State != probe.StateFiltered || v.Reason != reason || v.Err != nil {
			t.Errorf("%v: %v (%v), %v", errno, v.State, v.Reason, v.Err)
		}
	}
}
