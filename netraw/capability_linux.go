package netraw

import (
	"cmp"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	remedyRaw = "run as root, or give the program the right: sudo setcap cap_net_raw+ep ./synscope"
	remedyIP6 = remedyRaw + "; or boot without ipv6.disable=1, where IPv6 is missing altogether"
)

func capabilities() []Capability {
	list := []Capability{
		{
			Name:   "raw-send-ipv4",
			Err:    tryRaw(unix.AF_INET),
			For:    "sending probes over IPv4",
			Remedy: remedyRaw,
		},
		{
			Name:   "raw-send-ipv6",
			Err:    tryRaw(unix.AF_INET6),
			For:    "sending probes over IPv6",
			Remedy: remedyIP6,
		},
		{
			Name:   "packet-receive",
			Err:    tryPacket(),
			For:    "seeing replies, with the kernel's time stamps",
			Remedy: remedyRaw,
		},
		{
			Name:   "route-lookup",
			Err:    tryNetlink(),
			For:    "asking the kernel for routes, addresses and neighbours",
			Remedy: "no right is needed: whatever forbids sockets of AF_NETLINK has to allow them (the container's seccomp profile, RestrictAddressFamilies= of a systemd unit); --engine connect does without",
		},
		{
			Name:   "hold-port-filter",
			Err:    tryHold(SilencerFilter),
			For:    "keeping the kernel from resetting handshakes",
			Remedy: "none is needed while hold-port-signature works: sudo setcap cap_net_raw,cap_net_admin+ep ./synscope",
		},
		{
			Name:   "hold-port-signature",
			Err:    tryHold(SilencerSignature),
			For:    "the same, where no filter may be attached",
			Remedy: "none is needed while hold-port-filter works; Linux 4.13 with CONFIG_TCP_MD5SIG is needed: without, the kernel resets handshakes with hosts whose replies arrive with TTL 255",
		},
		{
			Name:   "hold-port-min-ttl",
			Err:    tryHold(SilencerMinTTL),
			For:    "the same, where no signature may be demanded either",
			Remedy: "none is needed while hold-port-filter or hold-port-signature works; a sandbox forbids IP_MINTTL or listen",
		},
		{
			Name: "packet-engine",
			Err:  tryRings(),
			For:  "wide scans through rings shared with the kernel (--engine packet)",
			Remedy: "run as root, or sudo setcap cap_net_raw,cap_net_admin+ep ./synscope; Linux 4.6 is needed; " +
				"it does not run where the firewall has output rules, which it would pass by; --engine raw does without all that",
		},
		{
			Name:   "xdp-engine",
			Err:    tryXDP(),
			For:    "wide scans at millions of probes a second (--engine xdp), on interfaces that can",
			Remedy: "sudo setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep ./synscope, or run as root; Linux 5.18 is needed; --engine packet does without",
		},
		{
			Name:   "user-namespace",
			Err:    tryUserNamespace(),
			For:    "demo and the tests, without root",
			Remedy: "run as root, or allow it: sudo sysctl user.max_user_namespaces=10000 kernel.apparmor_restrict_unprivileged_userns=0",
		},
	}
	for i := range list {
		list[i].OK = list[i].Err == nil
	}
	return list
}

func tryRaw(family int) error {
	s, err := newSocket(family, unix.SOCK_RAW, unix.IPPROTO_RAW, func(int) error { return nil })
	if err != nil {
		return permission(err)
	}
	return s.close()
}

// tryNetlink asks for the interfaces.
func tryNetlink() error {
	var r router
	err := r.open(Config{})
	if err == nil {
		err = whole(func() (err error) { _, err = r.handle.LinkList(); return err })
		r.close()
	}
	return err
}

// tryPacket does all that Open does to the packet socket.
func tryPacket() error {
	s, err := newSocket(unix.AF_PACKET, unix.SOCK_DGRAM, 0, func(fd int) error {
		return setUpReceive(fd, Config{}, dropAll)
	})
	if err != nil {
		return permission(err)
	}
	return s.close()
}

// tryRings makes both rings of the packet engine.
func tryRings() error {
	var in ring
	var out transmitRing
	err := in.open(Config{ReceiveBuffer: leastBlocks * blockSize}, dropAll)
	if err == nil {
		err = out.open(etherLen)
	}
	if err := permission(errors.Join(err, in.close(), out.close())); err != nil {
		return err
	}
	return checkOutput("")
}

// tryXDP loads the programs and runs the sender over two frames that it drops.
// Nothing is attached to an interface: whether one takes redirected frames shows
// when a run opens it.
func tryXDP() error {
	var p xdpProgram
	err := p.load(xdpSettings{ifindex: loopbackIndex})
	if err == nil {
		err = p.tryOut()
	}
	err = cmp.Or(err, p.close())
	return xdpError(err)
}

// loopbackIndex is that of lo in every network namespace: LOOPBACK_IFINDEX in
// include/net/flow.h.
const loopbackIndex = 1

func tryHold(mechanism Silencer) error {
	p, err := HoldPorts(1, &PortConfig{Silencer: mechanism})
	if err != nil {
		return err
	}
	return p.Close()
}

// tryUserNamespace starts a child in new user and network namespaces, mapped
// to root there, which then executes a file that does not exist: that ENOENT
// means that all before it was permitted.
func tryUserNamespace() error {
	attr := &syscall.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}}
	_, err := syscall.ForkExec("", []string{""}, attr)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return os.NewSyscallError("clone CLONE_NEWUSER", err)
}
