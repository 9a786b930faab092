package netraw

import (
	"errors"
	"net"
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

// unroutable tells whether an error of connect(2) may mean that the kernel has no
// way: what it says of routes of the types unreachable, prohibit and blackhole,
// and of none (fib_props in net/ipv4/fib_semantics.c).
func unroutable(err error) bool {
	for _, errno := range []unix.Errno{unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL, unix.ENETDOWN, unix.ENODEV} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// stillConnecting tells whether the kernel waits for the answer to a SYN.
func stillConnecting(c syscall.RawConn) (waiting bool) {
	err := c.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		waiting = err != nil || info.State == unix.BPF_TCP_SYN_SENT
	})
	return waiting || err != nil
}

// handshakeOf asks the kernel about an open connection.
func handshakeOf(tcp *net.TCPConn) Handshake {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return Handshake{}
	}
	var info *unix.TCPInfo
	raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || info == nil {
		return Handshake{}
	}
	h := Handshake{Retransmits: int(info.Total_retrans)}
	if h.Retransmits == 0 {
		h.RTT, h.Clock = time.Duration(info.Rtt)*time.Microsecond, ClockTCPInfo
	}
	return h
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
