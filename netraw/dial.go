package netraw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// Handshake is what the kernel tells of a connection that it opened for us.
type Handshake struct {
	// RTT is the kernel's own sample of the handshake (tcp(7), TCP_INFO,
	// tcpi_rtt: in microseconds) where Clock is ClockTCPInfo. For a refused
	// connection, which leaves nothing to ask, it is the time that connect(2)
	// took, by ClockUser. Zero: not measured; after a retransmitted SYN the
	// time would not say which SYN was answered.
	RTT   time.Duration
	Clock Clock
	// Retransmits is how often the kernel repeated its SYN (TCP_INFO,
	// tcpi_total_retrans), also of a connection that was refused or that nobody
	// answered.
	Retransmits int
	// Reset: the far end acknowledged our SYN, and reset the connection before
	// connect(2) returned.
	Reset bool
	// ICMP is the ICMP error that ended the connect; nil: none did, or the kernel does not
	// tell (Linux before 5.19).
	ICMP *ICMPError
}

// ICMPError is an ICMP or ICMPv6 error, and who sent it.
type ICMPError struct {
	Type, Code uint8
	From       netip.Addr // the zero one: not known
}

// Dialer opens connections through the kernel's TCP, with no privilege. The
// zero value lets the kernel choose all that it names.
type Dialer struct {
	Interface string     // leave through this one, SO_BINDTODEVICE
	Source    netip.Addr // an address of this machine
	Port      uint16     // source port; one connection at a time to each target
}

// Dial connects to dst and at once resets the connection, so that neither end
// keeps a TIME_WAIT. Errors are those of connect(2), in a [net.OpError], with
// ErrNoRoute or ErrNoInterface beside it where this machine has no route to dst:
// the error number alone is the same where a router says so.
func (d Dialer) Dial(ctx context.Context, dst netip.AddrPort) (Handshake, error) {
	dst, err := d.inZone(dst)
	if err = cmp.Or(err, NoHost(dst.Addr())); err != nil {
		return Handshake{}, dialError(dst, err)
	}
	start := time.Now()
	var socket witness
	defer socket.close()
	tcp, err := d.connect(ctx, dst, &socket)
	if h, acknowledged := socket.reset(err); acknowledged {
		return h, nil
	}
	h, opened := socket.openedBy(err)
	if err != nil && !opened {
		h = socket.failed(time.Since(start), err)
		return h, d.explain(err, dst, h.ICMP == nil && socket.sentNothing())
	}
	if err == nil {
		defer tcp.Close()
		socket.close()
		tcp.SetLinger(0)
		h = handshakeOf(tcp)
	}
	if end, ok := ctx.Deadline(); ok && h.tooLate(start, end) {
		return Handshake{Retransmits: h.Retransmits}, dialError(dst, context.DeadlineExceeded)
	}
	return h, nil
}

// failed is what is known of a connect that failed after a time. That time is left out
// where the SYN was retransmitted: it does not show which of them was refused.
func (w *witness) failed(took time.Duration, err error) (h Handshake) {
	if n := w.retransmits(); n > 0 {
		h.Retransmits = n
	} else {
		h = refusal(took, err)
	}
	h.ICMP = w.icmp()
	return h
}

// connect is connect(2) until ctx ends. A process that was stopped finds it over and the
// connection open: what the kernel has done by then counts, and the witness tells it.
func (d Dialer) connect(ctx context.Context, dst netip.AddrPort, socket *witness) (*net.TCPConn, error) {
	waiting, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	watched := func() bool { return false }
	defer func() { watched() }()
	n := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		watched = context.AfterFunc(ctx, giveUp)
		return errors.Join(d.control("", "", c), socket.keep(c))
	}}
	n.SetMultipathTCP(false)
	if d.Source.IsValid() || d.Port != 0 {
		n.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(d.Source, d.Port))
	}
	conn, err := n.DialContext(waiting, "tcp", dst.String())
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = dialError(dst, cmp.Or(socket.pending(), ctx.Err()))
		}
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

func dialError(dst netip.AddrPort, err error) error {
	return &net.OpError{Op: "connect", Net: "tcp", Addr: net.TCPAddrFromAddrPort(dst), Err: err}
}

// tooLate reports whether a connection that was found open after the deadline was opened
// too late: its own RTT says so, or it has none since the SYN was retransmitted.
func (h *Handshake) tooLate(start, end time.Time) bool {
	return time.Now().After(end) && (h.Retransmits > 0 || h.RTT > end.Sub(start))
}

// inZone gives a link-local address the zone of the interface.
func (d Dialer) inZone(dst netip.AddrPort) (netip.AddrPort, error) {
	a := dst.Addr()
	switch {
	case a.Zone() != "" && !linkExists(a.Zone()): // net would leave the zone out
		return dst, fmt.Errorf("interface %q: %w", a.Zone(), ErrNoInterface)
	case !a.Is6() || !a.IsLinkLocalUnicast() || a.Zone() != "":
		return dst, nil
	case d.Interface == "":
		return dst, ErrNoZone
	}
	return netip.AddrPortFrom(a.WithZone(d.Interface), dst.Port()), nil
}

// linkExists reports whether a zone is the name or the number of an interface (RFC 4007 §11.2).
func linkExists(zone string) bool {
	if _, err := net.InterfaceByName(zone); err == nil {
		return true
	}
	index, err := strconv.Atoi(zone)
	if err != nil || index <= 0 {
		return false
	}
	_, err = net.InterfaceByIndex(index)
	return err == nil
}

// explain adds ErrNoRoute to an error where the kernel has no route to dst, or had none when no SYN left for it;
// ErrNoInterface where the interface that was named is none, and ErrBroadcast where it is one to all machines of a network.
func (d Dialer) explain(err error, dst netip.AddrPort, sentNothing bool) error {
	switch zone := cmp.Or(d.Interface, d.Source.Zone()); {
	case d.loopsIntoNothing(err, dst.Addr()):
		return dialError(dst, &named{errLoopbackDown.Error(), []error{err, ErrNoRoute, errLoopbackDown}})
	case !unroutable(err):
		return err
	case zone != "" && !linkExists(zone):
		return dialError(dst, fmt.Errorf("interface %q: %w", zone, ErrNoInterface))
	case !d.routed(dst):
		return dialError(dst, noRoute(err))
	case d.broadcasts(dst):
		return dialError(dst, ErrBroadcast)
	case sentNothing && hasNoWay(err): // the way has come back since
		return dialError(dst, noRoute(err))
	}
	return err
}

// loopsIntoNothing tells whether a connect that nobody answered was to this machine itself while lo is down: the
// kernel drops what goes through it without a word.
func (d Dialer) loopsIntoNothing(err error, dst netip.Addr) bool {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || !dst.IsLoopback() && !d.isOwn(dst) {
		return false
	}
	lo, err := net.InterfaceByName("lo")
	return err == nil && lo.Flags&net.FlagUp == 0
}

// isOwn tells whether an address is this machine's: what leaves for it has it as its source.
func (d Dialer) isOwn(dst netip.Addr) bool {
	u := net.Dialer{Control: d.control}
	conn, err := u.Dial("udp", netip.AddrPortFrom(dst, 9).String()) // no packet, as in routed
	if err != nil {
		return false
	}
	defer conn.Close()
	own, ok := conn.LocalAddr().(*net.UDPAddr)
	return ok && own.AddrPort().Addr().Unmap().WithZone("") == dst.Unmap().WithZone("")
}

// routed asks the kernel for a route to dst, with no privilege and no packet: that
// is all that connect(2) does for UDP, udp(7).
func (d Dialer) routed(dst netip.AddrPort) bool {
	u := net.Dialer{Control: d.control}
	if d.Source.IsValid() {
		u.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(d.Source, 0))
	}
	conn, err := u.Dial("udp", dst.String())
	if err != nil {
		return !unroutable(err)
	}
	conn.Close()
	return true
}
