package netraw

import (
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// socket is a socket in an [os.File]. With SOCK_NONBLOCK it is under the
// runtime's poller, so that deadlines and Close reach a goroutine that waits
// on it. The zero value is a closed one.
type socket struct {
	file *os.File
	raw  syscall.RawConn
}

// newSocket opens a socket and hands it to set for its options, in the order
// that matters to the caller. Nothing stays open after an error.
func newSocket(domain, kind, proto int, set func(fd int) error) (socket, error) {
	fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return socket{}, os.NewSyscallError("socket", err)
	}
	if err := set(fd); err != nil {
		unix.Close(fd)
		return socket{}, err
	}
	return socketOf(fd)
}

// socketOf takes over a file descriptor, and closes it after an error.
func socketOf(fd int) (socket, error) {
	file := os.NewFile(uintptr(fd), "socket")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return socket{}, err
	}
	return socket{file, raw}, nil
}

func (s *socket) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// withFD calls f with the file descriptor, which stays open meanwhile.
func (s *socket) withFD(f func(fd int) error) (err error) {
	if s.raw == nil {
		return net.ErrClosed
	}
	closed := s.raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(closed, err)
}

// setFilter attaches a classic BPF program: SO_ATTACH_FILTER, socket(7).
func setFilter(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
}

// option is one integer socket option, named for its error.
type option struct {
	name             string
	level, id, value int
}

func (o option) set(fd int) error {
	return os.NewSyscallError("setsockopt "+o.name, unix.SetsockoptInt(fd, o.level, o.id, o.value))
}

func setOptions(fd int, options ...option) error {
	for _, o := range options {
		if err := o.set(fd); err != nil {
			return err
		}
	}
	return nil
}

// opError is the one place where a system call's error gets the name of what
// was attempted, and the sentinel that a refusal stands for.
func opError(op, network string, addr net.Addr, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: network, Addr: addr, Err: err}
}

// ignoreOutgoing keeps what this machine sends from a packet socket, packet(7).
var ignoreOutgoing = option{"PACKET_IGNORE_OUTGOING", unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1}

func (s *socket) unwatch() error { return s.withFD(ignoreOutgoing.set) }
