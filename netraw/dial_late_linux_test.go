package netraw

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the kernel has come to counts, also where this process gave up before it could learn of it, however late it runs.
func TestDialGivesUpAndAsksTheKernel(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	open := l.Addr().(*net.TCPAddr).AddrPort()
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	must(err)
	shut := other.Addr().(*net.TCPAddr).AddrPort()
	other.Close()
	accepted := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		accepted <- err
	}()
	gaveUp, giveUp := context.WithDeadline(t.Context(), time.Now().Add(time.Hour))
	giveUp()
	if h, err := (Dialer{}).Dial(gaveUp, open); err != nil || h.RTT <= 0 || h.Clock != ClockTCPInfo {
		t.Errorf("open: %+v, %v", h, err)
	}
	if err := <-accepted; !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the connection ended with %v", err)
	}
	l.Close()
	if _, err := (Dialer{}).Dial(gaveUp, shut); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("refused: %v", err)
	}
	full := silentOnLoopback(t)
	if h, err := (Dialer{}).Dial(gaveUp, full); !errors.Is(err, context.Canceled) || h.RTT != 0 {
		t.Errorf("silent: %+v, %v", h, err)
	}
}

// silentOnLoopback is a port whose accept queue is full.
func silentOnLoopback(t *testing.T) netip.AddrPort {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	must(err)
	t.Cleanup(func() { unix.Close(fd) })
	must(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(unix.Listen(fd, 0))
	name, err := unix.Getsockname(fd)
	must(err)
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*unix.SockaddrInet4).Port))
	conn, err := net.Dial("tcp4", at.String())
	must(err)
	t.Cleanup(func() { conn.Close() })
	return at
}
