package netraw

import "errors"

// What OpenXDP fails with.
var (
	// ErrXDPPermission: the process may not load or attach the programs.
	ErrXDPPermission = errors.New("not permitted: the xdp engine needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON " +
		"beside CAP_NET_RAW; run as root, or sudo setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep ./synscope")

	// ErrXDPSandbox: bpf(2) is refused to a process that has all rights for it. It is an
	// ErrXDPPermission too.
	ErrXDPSandbox error = &named{"a sandbox forbids it, which being root does not change: allow bpf(2) " +
		"(the container's seccomp profile, SystemCallFilter= of a systemd unit, SELinux, AppArmor, or lockdown of the kernel), or use --engine packet", []error{ErrXDPPermission}}

	// ErrXDPKernel: the kernel lacks what the engine is made of.
	ErrXDPKernel = errors.New("the xdp engine needs Linux 5.18 with CONFIG_BPF_JIT and CONFIG_DEBUG_INFO_BTF: " +
		"use --engine packet")

	// ErrXDPInterface: the interface cannot do it.
	ErrXDPInterface = errors.New("this interface cannot send redirected frames: the xdp engine needs an Ethernet " +
		"whose driver has ndo_xdp_xmit, on veth with GRO or an XDP program at the far end; use --engine packet")

	// ErrXDPBusy: another XDP program is on the interface.
	ErrXDPBusy = errors.New("the interface has another XDP program: `ip link show` names it")

	// ErrXDPCookie: the cookie or a template is not one that the programs know.
	ErrXDPCookie = errors.New("between 1 and 128 attempts, and probes without payload")
)
