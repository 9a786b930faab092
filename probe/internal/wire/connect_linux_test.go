package wire

import (
	"net/netip"
	"os"
	"syscall"
	"testing"

	"synscope/netraw"
	"synscope/probe"
)

// Where the kernel tells of the ICMP error itself, that is the verdict: a port unreachable is no refusal.
func TestReportedICMPErrorsAreVerdicts(t *testing.T) {
	target, router := netip.MustParseAddrPort("192.0.2.7:80"), netip.MustParseAddr("192.0.2.1")
	for _, tc := range []struct {
		errno  syscall.Errno
		icmp   netraw.ICMPError
		reason probe.Reason
	}{
		{syscall.ECONNREFUSED, netraw.ICMPError{Type: 3, Code: 3, From: target.Addr()}, "port-unreachable"},
		{syscall.EHOSTUNREACH, netraw.ICMPError{Type: 3, Code: 13, From: router}, "admin-prohibited"},
	} {
		v := JudgeConnect(target, netraw.Handshake{ICMP: &tc.icmp}, os.NewSyscallError("connect", tc.errno))
		code := probe.ICMPCode{Type: tc.icmp.Type, Code: tc.icmp.Code}
		if v.State != probe.StateFiltered || v.Reason != tc.reason || v.ICMP == nil || *v.ICMP != code || v.Responder.IsValid() != (tc.icmp.From == router) {
			t.Errorf("%v: %+v", tc.errno, v)
		}
	}
	if v := JudgeConnect(target, netraw.Handshake{}, syscall.ECONNREFUSED); v.State != probe.StateRefused {
		t.Errorf("an RST: %+v", v)
	}
}

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
