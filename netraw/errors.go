package netraw

import (
	"errors"
	"fmt"
	"syscall"
)

// What callers test for with errors.Is. Each message says what to do next;
// the system call's own error is wrapped beside it.
var (
	// ErrPermission: the process may not open the socket it needs.
	ErrPermission = errors.New("not permitted: run as root, give the program the capability with " +
		"`sudo setcap cap_net_raw+ep ./synscope` (a source port below 1024 needs cap_net_bind_service too), or see `synscope doctor`")

	// ErrSandbox: what is refused needs no capability, or this process has it: a seccomp
	// filter, a security module or the kernel's configuration stands in the way. It is an
	// ErrPermission too.
	ErrSandbox error = &named{"a sandbox forbids it, which being root does not change: allow sockets of AF_INET, AF_INET6, AF_PACKET and AF_NETLINK " +
		"(the container's seccomp profile, RestrictAddressFamilies= and SystemCallFilter= of a systemd unit, SELinux, AppArmor; a user namespace has to have a network namespace of its own), or see `synscope doctor`", []error{ErrPermission}}

	// ErrNoInterface: no network interface has the name, or none was named
	// where a link-local address needs one.
	ErrNoInterface = errors.New("no such interface: `ip link` lists those of this machine")

	// ErrNoZone: a link-local address is another on each link, and none was named. It is
	// an ErrNoInterface too.
	ErrNoZone error = &named{"a link-local address needs its interface: write ADDRESS%INTERFACE, or name it with -e (`ip link` lists them)", []error{ErrNoInterface}}

	// ErrForeignSource: the source address belongs to another machine.
	// Nothing here sends under a foreign name.
	ErrForeignSource = errors.New("not an address of this machine: `ip addr` lists those that are")

	// ErrNoRoute: the kernel has no route to the destination.
	ErrNoRoute = errors.New("no route: compare `ip route get`")

	// ErrBroadcast: the kernel's route is one to all machines of a network
	// (RTN_BROADCAST in rtnetlink(7)), and no TCP answers there (RFC 9293 §3.9.2.3).
	ErrBroadcast = errors.New("it is the broadcast address of a network, which no TCP answers on")

	// ErrNoHost: the address is none of a host's: the unspecified one, which the kernel
	// takes for this machine and packets must not have (RFC 1122 §3.2.1.3, RFC 4291
	// §2.5.2), or a multicast one (RFC 9293 §3.9.2.3).
	ErrNoHost = errors.New("it is no host's address")

	// ErrNoSource: there is a route, but no address of this machine to send from.
	// It is an ErrNoRoute too.
	ErrNoSource error = &named{"no source address: compare `ip addr` and `ip route get`", []error{ErrNoRoute}}

	// ErrReversePath: the kernel discards what comes in by an interface that the
	// route back does not lead through: rp_filter in ip-sysctl, Linux (RFC 3704 §2.2).
	ErrReversePath = errors.New("a reverse path filter discards it: compare `sysctl -ar 'rp_filter'`")

	// ErrSendDelayed: the kernel could not take the packet now, and may take
	// it later: a buffer or a queue is full (EAGAIN, ENOBUFS), or its table of
	// neighbours (EINVAL, ENOBUFS), or its firewall refused it for the first
	// times (EPERM), as one with a limit does, or a full conntrack table.
	ErrSendDelayed = errors.New("not now: the kernel's buffers, its neighbour table or a limit of its firewall are full")

	// ErrLocalFirewall: a firewall of this machine refuses to let out what is
	// sent to that port: three times in a row, over a quarter of a second.
	ErrLocalFirewall = errors.New("this machine's own firewall refuses it: compare `nft list ruleset`")

	// ErrInterfaceDown: the interface that the route leads through is down, or
	// gone, or has had no carrier since the start: the kernel keeps its routes
	// (RTNH_F_LINKDOWN in rtnetlink(7)) and drops what is sent there.
	ErrInterfaceDown = errors.New("the interface is down: compare `ip link`")

	// ErrNoNeighbour: the destination would be on the link, and nobody there answers
	// for it. No call of this package returns it: it is for those who have asked
	// [Neighbours], and send nothing.
	ErrNoNeighbour = errors.New("nobody on the link answers for it: compare `ip neigh`")

	// ErrPortCount: more source ports were asked for than MaxPorts.
	ErrPortCount = errors.New("between 1 and 1024 source ports can be held")

	// ErrPortInUse: another socket has the source port, or all of them.
	ErrPortInUse = errors.New("source port in use: choose another, or none to get a free one")

	// ErrFileLimit: every held port takes a file descriptor, and a few sockets do,
	// and the process, or the machine, may not open so many (RLIMIT_NOFILE,
	// getrlimit(2)). Go programs raise the soft limit to the hard one by themselves.
	ErrFileLimit = errors.New("too few file descriptors: raise the hard limit (`ulimit -Hn`), or hold fewer source ports (--max-retries, -g)")

	// ErrPacket: what was to be sent does not begin with an IP header.
	ErrPacket = errors.New("not an IP packet")

	// ErrNoHardwareStamps: the interface, or its driver, has no clock for them.
	ErrNoHardwareStamps = errors.New("`ethtool -T` shows what an interface offers")

	// ErrHardwareStampsOff: the interface could stamp, but was not told to.
	ErrHardwareStampsOff = errors.New("`sudo hwstamp_ctl -i IFACE -t 1 -r 1`, of linuxptp, switches them on for the whole machine")

	// ErrUnsupportedOS: this operating system is not Linux.
	ErrUnsupportedOS = errors.New("raw TCP probing works on Linux only")
)

// fileLimit adds ErrFileLimit to what was refused for want of a file descriptor.
func fileLimit(err error) error {
	if err != nil && !errors.Is(err, ErrFileLimit) && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) {
		return fmt.Errorf("%w: %w", err, ErrFileLimit)
	}
	return err
}

// named is an error in words of its own that is of other kinds too.
type named struct {
	words string
	kinds []error
}

func (e *named) Error() string   { return e.words }
func (e *named) Unwrap() []error { return e.kinds }

// routeTypes are what the kernel answers in place of a route where the one that it has
// leads nowhere: ip-route(8), fib_props in net/ipv4/fib_semantics.c.
var routeTypes = map[syscall.Errno]string{
	syscall.EINVAL: "blackhole", syscall.EACCES: "prohibit", syscall.EHOSTUNREACH: "unreachable",
}

// errLoopbackDown is ErrInterfaceDown of lo, of whose need for it not everybody knows.
var errLoopbackDown = fmt.Errorf("lo is down, which even packets for this machine's own addresses go through: %w", ErrInterfaceDown)

// noRoute is ErrNoRoute with the kernel's error number, in words.
func noRoute(err error) error {
	words := ErrNoRoute.Error()
	for errno, kind := range routeTypes {
		if errors.Is(err, errno) {
			words = "no route but one of type " + kind + ": compare `ip route get`"
		}
	}
	return &named{words, []error{err, ErrNoRoute}}
}
