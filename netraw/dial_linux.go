package netraw

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control prepares a socket before it is bound.
func (d Dialer) control(_, _ string, c syscall.RawConn) (err error) {
	if d.Interface == "" && d.Port == 0 {
		return nil
	}
	ctlErr := c.Control(func(fd uintptr) {
		if d.Interface != "" {
			err = unix.BindToDevice(int(fd), d.Interface)
		}
		if err == nil && d.Port != 0 {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		}
	})
	return errors.Join(ctlErr, err)
}

// unroutable reports whether an error of connect(2) may mean that the kernel has no
// route, or one of the type unreachable, prohibit or blackhole (fib_props in
// net/ipv4/fib_semantics.c).
func unroutable(err error) bool {
	return isErrno(err, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.ENETDOWN, unix.ENODEV)
}

// hasNoWay reports whether the error of a connect(2) that sent nothing says that there is no route. After
// a SYN the same error numbers mean a router's ICMP error, or a neighbour's silence.
func hasNoWay(err error) bool {
	return errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH)
}

// sentNothing reports whether no SYN left for a connect that failed. What was refused before connect(2)
// returned, as through the loopback interface, looks the same: the kernel begins its counts anew
// (tcp_disconnect in net/ipv4/tcp.c).
func (w *witness) sentNothing() bool {
	if w.fd == 0 {
		return false
	}
	info, err := unix.GetsockoptTCPInfo(w.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.Segs_out == 0
}

// handshakeOf asks the kernel about an open connection.
func handshakeOf(tcp *net.TCPConn) (h Handshake) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return Handshake{}
	}
	raw.Control(func(fd uintptr) { h, _ = handshakeIn(int(fd)) })
	return h
}

// handshakeIn is what a socket knows of its handshake. acknowledged: the far
// end acknowledged our SYN, the one octet of sequence space sent so far.
func handshakeIn(fd int) (h Handshake, acknowledged bool) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return Handshake{}, false
	}
	h = Handshake{Retransmits: int(info.Total_retrans)}
	if h.Retransmits == 0 && info.Rtt > 0 {
		h.RTT, h.Clock = time.Duration(info.Rtt)*time.Microsecond, ClockTCPInfo
	}
	return h, info.Bytes_acked > 0
}

// witness is a second descriptor of a socket. connect(2) closes the first where
// it fails, and only the socket knows whether the RST came instead of a SYN-ACK or
// after it: ECONNRESET is also what a SYN and an RST without any number of ours
// give (tcp_reset in net/ipv4/tcp_input.c, in the state SYN-RECEIVED).
type witness struct{ fd int }

func (w *witness) keep(c syscall.RawConn) (err error) {
	w.close()
	ctlErr := c.Control(func(fd uintptr) {
		reportICMP(int(fd))
		w.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 1)
	})
	return errors.Join(ctlErr, os.NewSyscallError("fcntl", err))
}

// reset reports whether a connect ended by an RST that came after the far end had
// acknowledged our SYN.
func (w *witness) reset(err error) (h Handshake, acknowledged bool) {
	if w.fd == 0 || !errors.Is(err, unix.ECONNRESET) {
		return Handshake{}, false
	}
	h, acknowledged = handshakeIn(w.fd)
	h.Reset = acknowledged
	return h, acknowledged
}

// openedBy reports whether the kernel had opened a connection by the time at which this
// process gave its connect up, and tells of it. That connection then ends in an RST.
func (w *witness) openedBy(err error) (h Handshake, acknowledged bool) {
	if w.fd == 0 || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return Handshake{}, false
	}
	if h, acknowledged = handshakeIn(w.fd); acknowledged {
		unix.SetsockoptLinger(w.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	return h, acknowledged
}

// pending is the error of a connect that nobody has waited for; nil: none.
func (w *witness) pending() error {
	if w.fd == 0 {
		return nil
	}
	errno, err := unix.GetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || errno == 0 {
		return nil
	}
	return os.NewSyscallError("connect", unix.Errno(errno))
}

// retransmits is how often the kernel has repeated the SYN of a connect that failed.
func (w *witness) retransmits() int {
	if w.fd == 0 {
		return 0
	}
	h, _ := handshakeIn(w.fd)
	return h.Retransmits
}

func (w *witness) close() {
	if w.fd != 0 {
		unix.Close(w.fd)
		w.fd = 0
	}
}

// synRTO is the kernel's first retransmission timeout of a SYN (TCP_TIMEOUT_INIT
// in include/net/tcp.h): what was refused sooner was refused at the first SYN.
const synRTO = time.Second

func refusal(took time.Duration, err error) Handshake {
	if errors.Is(err, unix.ECONNREFUSED) && took < synRTO {
		return Handshake{RTT: took, Clock: ClockUser}
	}
	return Handshake{}
}

// broadcasts reports whether the kernel's route to dst is one to all machines of a
// network: a datagram socket that may not send there says so, with no packet
// (ip4_datagram_connect in net/ipv4/datagram.c). TCP says ENETUNREACH.
func (d Dialer) broadcasts(dst netip.AddrPort) bool {
	if !dst.Addr().Unmap().Is4() || dst.Addr().IsMulticast() {
		return false
	}
	u := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		ctlErr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 0) })
		return errors.Join(ctlErr, err, d.control("", "", c))
	}}
	conn, err := u.Dial("udp", dst.String())
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, unix.EACCES)
}
