package netraw

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func monotonicRaw() time.Duration {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &ts) // the kernel has had it since 2.6.28
	return time.Duration(ts.Nano())
}

// stampPatience bounds the wait for the kernel to start stamping; stampPause is
// what it gets where that cannot be watched.
const (
	stampPatience = 100 * time.Millisecond
	stampPause    = 20 * time.Millisecond
)

// awaitStamps returns when the kernel stamps packets. The first socket of a
// machine that asks for stamps only schedules that (net_enable_timestamp in
// net/core/dev.c); until it is done a packet is stamped when it is read, which
// would be taken for its arrival. A byte sent to ourselves over loopback tells:
// stamped on its way, its stamp is older than the look at the clock that
// follows the sending. Where loopback is down, a pause has to do.
func awaitStamps() {
	if watchStamps() != nil {
		time.Sleep(stampPause)
	}
}

func watchStamps() error {
	fd, self, err := stampedUDP()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for until := time.Now().Add(stampPatience); time.Now().Before(until); time.Sleep(200 * time.Microsecond) {
		if err := unix.Sendto(fd, []byte{0}, 0, self); err != nil {
			return os.NewSyscallError("sendto", err)
		}
		sent := time.Now()
		if stamp, err := readStamp(fd); err != nil || stamp.Before(sent) {
			return err
		}
	}
	return nil
}

// stampedUDP opens a socket that talks to itself and asks for stamps.
func stampedUDP() (fd int, self unix.Sockaddr, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, os.NewSyscallError("socket", err)
	}
	patience := unix.Timeval{Usec: 100_000}
	err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte(net.IPv4(127, 0, 0, 1).To4())})
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience)
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	}
	if err == nil {
		self, err = unix.Getsockname(fd)
	}
	if err != nil {
		unix.Close(fd)
		return -1, nil, os.NewSyscallError("loopback", err)
	}
	return fd, self, nil
}

// readStamp takes one datagram and returns the kernel's stamp on it.
func readStamp(fd int) (time.Time, error) {
	var data [1]byte
	control := make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(fd, data[:], control, 0)
	if err != nil {
		return time.Time{}, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return time.Time{}, os.NewSyscallError("recvmsg", unix.ENOMSG)
	}
	return stampOf(messages[0].Data), nil
}
