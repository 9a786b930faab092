package netraw

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Clock says which clock took a time stamp. The zero value is ClockNone.
type Clock uint8

const (
	ClockNone     Clock = iota // nothing was timed
	ClockUser                  // the program's own clock, round the system call
	ClockKernelRx              // only the arrival was stamped by the kernel
	ClockKernel                // the kernel stamped departure and arrival
	ClockTCPInfo               // the kernel's own handshake sample, TCP_INFO
)

var clockNames = [...]string{"none", "user", "kernel-rx", "kernel", "tcp-info"}

// String returns the word that records use: "user", "kernel-rx", "kernel" or
// "tcp-info"; of ClockNone, which none has, "none".
func (c Clock) String() string {
	if int(c) >= len(clockNames) {
		return fmt.Sprintf("clock(%d)", uint8(c))
	}
	return clockNames[c]
}

// MarshalText implements [encoding.TextMarshaler] with the words of String.
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]: the inverse of MarshalText.
func (c *Clock) UnmarshalText(text []byte) error {
	i := slices.Index(clockNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown clock %q", text)
	}
	*c = Clock(i)
	return nil
}

// Packet is one IP packet as a tap of this machine saw it.
type Packet struct {
	// Data starts at the IP header. It is valid until the next Recv on the
	// same Conn. The link layer's padding may follow the IP packet's end.
	Data []byte
	// Time is the kernel's stamp, CLOCK_REALTIME; zero if it took none.
	Time time.Time
	// DeviceTime is the stamp of the driver or of the interface, as
	// Config.DeviceStamps asks; zero if it took none. Hardware has a clock of
	// its own: compare it only with another of the same interface.
	DeviceTime time.Time
	// Outgoing marks a packet from a held port seen leaving: under
	// Config.WatchOutgoing as the tap saw it (PACKET_OUTGOING), with Time.
	// Under Config.DeviceStamps it comes once more, after it has left, with
	// DeviceTime and without Time, and without IfIndex.
	Outgoing bool
	// Partial marks a transport checksum that is not yet filled in
	// (TP_STATUS_CSUMNOTREADY): do not verify it.
	Partial bool
	// Valid marks a transport checksum that the kernel or the interface has
	// verified (TP_STATUS_CSUM_VALID). Without it nothing is known.
	Valid bool
	// IfIndex is the interface on which the packet was seen.
	IfIndex int
	// Translated marks a packet whose addresses this machine's own NAT had changed,
	// and are here changed back. Wire is where it came from before that, as far as
	// that was seen.
	Translated bool
	Wire       netip.AddrPort
}

// Route is the kernel's answer for one destination.
type Route struct {
	Interface string
	IfIndex   int
	Source    netip.Addr // without zone
	NextHop   netip.Addr // without zone; the zero Addr if the destination is on the link
	MTU       int        // of the path where the kernel knows it, else of the interface
	Local     bool       // the destination is this machine
	Broadcast bool       // the destination is all machines of a network, or no host's at all: no TCP answers (RFC 9293 §3.9.2.3)
	// Plain: packets for it, and not for this machine, need no link address: the
	// interface has none (tun, WireGuard), or they are for many.
	Plain bool
	// NextHops is how many the route has that are alive, 0 where it is one: the kernel
	// chose this one by the addresses, or, PerFlow, for a connection by its ports too,
	// as [Conn.RouteFlow] tells (net.ipv4.fib_multipath_hash_policy).
	NextHops int
	PerFlow  bool

	encap bool // the kernel does to its packets what frames would pass by
}

// nextHopInZone is NextHop as an address that Route can be asked about.
func (r *Route) nextHopInZone() netip.Addr {
	if r.NextHop.Is6() && r.NextHop.IsLinkLocalUnicast() {
		return r.NextHop.WithZone(r.Interface)
	}
	return r.NextHop
}

// Stats counts what a Conn did since it was opened.
type Stats struct {
	Sent          uint64 // packets the kernel took
	SendErrors    uint64 // times the kernel refused a packet, each reported by Send or SendEach
	ResetsRefused uint64 // of those, RSTs that an output rule of this machine refused (EPERM): what they were to close stays open
	SendRetries   uint64 // waits after EAGAIN and ENOBUFS
	Received      uint64 // packets delivered by Recv
	KernelDrops   uint64 // packets that found the receive buffer full
}

// MaxPorts is the largest number of source ports that one Conn holds. Each
// takes a socket, and so a file descriptor, for as long; the receive filter
// looks them up by bisection.
const MaxPorts = 1024

// Config changes what Open does. The zero value, like a nil pointer, means
// the defaults said at each field.
type Config struct {
	// Interface makes packets leave through this interface only, and is the
	// zone of link-local destinations. Default: what the route says. Packets
	// are received on all interfaces in any case; see the package text.
	Interface string
	// Source must be an address of this machine. Default: what the route
	// says. A link-local one may have a zone.
	Source netip.Addr
	// TOS is the type of service, or traffic class, of what will be sent, by
	// which the kernel may route.
	TOS uint8
	// Ports is the number of source ports to hold, at most MaxPorts.
	// Default: 1. Ignored where SourcePort is set.
	Ports int
	// SourcePort is the one port to hold. Default: the kernel chooses.
	SourcePort uint16
	// WatchOutgoing delivers own packets too, with the stamp of their
	// departure.
	WatchOutgoing bool
	// DeviceStamps asks for Packet.DeviceTime. Default: none.
	DeviceStamps DeviceStamps
	// SendFrames sends, to neighbours whose link address the kernel knows, below the
	// kernel's IP, which takes less time. Open fails with ErrOutputFirewall where this
	// machine has any rule for what it sends, or a BPF program of the cgroup has a say in
	// that. Default: through the kernel's IP.
	SendFrames bool
	// SharedFrames receives into 4 MiB of memory that the kernel shares (PACKET_RX_RING,
	// TPACKET_V2, packet(7)), where that works: for runs that take in many packets, and
	// poll. ReceiveBuffer is the size of it then. Default: by the queue of a socket.
	SharedFrames bool
	// ReceiveBuffer is the size in bytes to ask for. Default: 8 MiB. Beyond
	// net.core.rmem_max only CAP_NET_ADMIN gets it.
	ReceiveBuffer int
}

// Conn sends and receives whole IP packets, and holds the TCP source ports
// they use. One goroutine may send while another receives and others look up
// routes or statistics; concurrent Sends take turns (but see SendBeside), and so do Recvs.
// Await and Poll are for one goroutine at a time. Two runs over one Conn would take each
// other's answers: runs side by side have one each.
type Conn struct {
	conn
}

// Open returns a connection for cfg; nil means the defaults.
//
// It fails with ErrPermission, ErrNoInterface, ErrForeignSource, ErrPortCount,
// ErrPortInUse, ErrFileLimit or ErrUnsupportedOS, or with the system call's own error.
func Open(cfg *Config) (*Conn, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	c := &Conn{}
	if err := c.open(*cfg); err != nil {
		return nil, fileLimit(err)
	}
	return c, nil
}

// Send transmits pkts in order, each an IPv4 or IPv6 packet with its header,
// in any mixture. It returns how many left; if that is not all, the error
// concerns pkts[n], and the caller may go on with pkts[n+1:].
//
// Send waits while the socket's buffer is full (EAGAIN) and backs off while
// the interface's queue is full (ENOBUFS), both for a bounded time and
// counted in Stats.SendRetries. The kernel fills in an IPv4 identification
// of zero, and the IPv4 header checksum always: raw(7).
//
// A packet is routed by its own source address and type of service, not the
// socket's. A link-local destination leaves through the interface of the zone
// for which Route was last asked about it and the source; it is ErrNoInterface
// where that was in two zones, which SendEach can tell apart. Where a route has
// several next hops, a packet takes the one that Route told of.
//
// Errors are ErrSendDelayed, where the same packet may leave later,
// ErrLocalFirewall, ErrNoRoute and ErrInterfaceDown, each beside the error
// number of sendmsg(2); a packet larger than the MTU is EMSGSIZE. One whose source was
// told by Route, or named, and is not this machine's any more is ErrForeignSource beside
// EADDRNOTAVAIL.
func (c *Conn) Send(pkts [][]byte) (int, error) { return c.send(pkts) }

// SendBeside is a second Send, over sockets of its own, so that two goroutines send at
// once: what the kernel does with a packet, and on veth and loopback what its receiver
// does, then has two processors. Neither waits while the other is in the kernel, only while
// it looks up the link addresses of up to 256 packets. ok is false where there is none:
// without Config.SendFrames, with Config.DeviceStamps, or with one processor. Order is kept
// within each.
func (c *Conn) SendBeside() (send func(pkts [][]byte) (int, error), ok bool) { return c.sendBeside() }

// SendEach is Send for a caller that never waits: what does not leave at once
// is refused, and the packets after it are sent all the same. refused is told
// the place of each such packet and its error, one of those of Send, during the
// call; it must not call Send or SendEach. SendEach returns how many left.
//
// via has the IfIndex of each packet's [Route], so that it leaves that way
// whatever the kernel would choose now, and a link-local destination in its
// zone; nil, or 0 for a packet, leaves it to Send's ways.
func (c *Conn) SendEach(pkts [][]byte, via []int, refused func(i int, err error)) int {
	return c.sendEach(pkts, via, refused)
}

// Recv fills pkts with at least one packet and returns how many. It waits
// until the deadline (os.ErrDeadlineExceeded) or Close (net.ErrClosed).
// Nothing is allocated; Data is overwritten by the next Recv.
func (c *Conn) Recv(pkts []Packet) (int, error) { return c.recv(pkts) }

// Poll is Recv without waiting: it returns how many packets were there, none
// perhaps. Poll, Await and Recv are for one goroutine.
func (c *Conn) Poll(pkts []Packet) (int, error) { return c.poll(pkts) }

// Await waits until there is something for Poll, and then for as long as gather says
// so that more is taken at once; for d at most in all, or until Wake. What Poll
// returned before is no longer valid.
func (c *Conn) Await(d, gather time.Duration) { c.await(d, gather) }

// Wake ends the Await under way, or the next one.
func (c *Conn) Wake() { c.wake() }

// Unwatch ends Config.WatchOutgoing: own packets are delivered no more.
func (c *Conn) Unwatch() error { return c.unwatch() }

// Quiet reports whether everything that had arrived when it was called has been
// returned by Recv, and a Recv waits for more.
func (c *Conn) Quiet() bool { return c.isQuiet() }

// SetReadDeadline bounds the waiting of Recv, also of one that waits now. The
// zero time means no bound.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setReadDeadline(t) }

// Route asks the kernel how it would send to dst, under the Interface and
// Source of the configuration. A zone of dst names the interface for a
// link-local address, by name or number. It fails with ErrNoRoute, of which
// ErrNoSource is a kind, with ErrNoInterface or with ErrInterfaceDown.
//
// As connect(2) does, it asks first for a source address and then for the way
// of packets from there. Each is a netlink exchange (RTM_GETROUTE, rtnetlink(7)), about 8 µs
// for IPv4 and IPv6 alike; nothing but interface names and MTUs is cached.
func (c *Conn) Route(dst netip.Addr) (Route, error) { return c.route(dst) }

// RouteFlow is Route for what goes from a held port to a port of dst: where Route says
// PerFlow, the kernel may choose another next hop, and another source, for each. What
// is sent from there leaves by it.
func (c *Conn) RouteFlow(port uint16, dst netip.AddrPort) (Route, error) {
	return c.routeFlow(port, dst)
}

// InZone is addr with the zone of the interface on which a packet of it was seen
// ([Packet.IfIndex]), by name, if it is an address that means nothing without
// one: a link-local one (RFC 4007 §6).
func (c *Conn) InZone(addr netip.Addr, ifindex int) netip.Addr { return c.inZone(addr, ifindex) }

// RouteRemarks says, a sentence each, in what the way of raw packets may differ
// from that of the kernel's own connections.
func (c *Conn) RouteRemarks() []string { return c.routeRemarks() }

// TakesIn asks the kernel whether it would take in a packet from src to dst, an address
// of ours, that comes in by an interface ([Packet.IfIndex]): it fails with
// ErrReversePath where not even the kernel's own connections get it. The answer nil
// promises nothing.
func (c *Conn) TakesIn(ifindex int, src, dst netip.Addr) error { return c.takesIn(ifindex, src, dst) }

// RouteChanges is a number that is another once the kernel's routes, rules, addresses
// or interfaces have changed: what Route told before may not hold any more.
func (c *Conn) RouteChanges() uint64 { return c.routeChanges() }

// Ports returns the held source ports.
func (c *Conn) Ports() []uint16 { return c.heldPorts() }

// Lend gives one of the held ports to the kernel's own connections ([Dialer.Port]): it
// is not among Ports any more, and the kernel answers on it, but its packets are still
// received. ok is false where there is only one port. Call it before the Conn is
// used by several goroutines.
func (c *Conn) Lend() (port uint16, ok bool) { return c.lend() }

// Stats returns the counters; after Close, their last values.
func (c *Conn) Stats() Stats { return c.stats() }

// MonotonicRaw is CLOCK_MONOTONIC_RAW, clock_gettime(2): time since some start
// by the hardware's own rate. Stamps are of CLOCK_REALTIME, which people set and
// NTP slews; the distance of the two shows that.
func (c *Conn) MonotonicRaw() time.Duration { return monotonicRaw() }

// Silencer says which mechanism keeps the kernel from answering on the held
// ports: "bpf-filter", "tcp-md5" or "min-ttl".
func (c *Conn) Silencer() string { return c.silencer() }

// Close unblocks Recv and releases everything, the held ports too. Closing
// again does nothing.
func (c *Conn) Close() error { return c.close() }
