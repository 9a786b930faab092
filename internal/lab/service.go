//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const defaultBacklog = 4096

// servers are the running listeners of a host and their connections.
type servers struct {
	mu     sync.Mutex
	open   map[io.Closer]struct{}
	closed bool
	wg     sync.WaitGroup
}

// start opens the listeners of a service and serves them until close.
func (s *servers) start(ns *namespace, service Service) error {
	for _, port := range service.Ports {
		if err := s.listen(ns, port, service); err != nil {
			return fmt.Errorf("service on port %d: %w", port, err)
		}
	}
	return nil
}

func (s *servers) listen(ns *namespace, port uint16, service Service) error {
	var file *os.File
	err := ns.do(func() (err error) {
		file, err = listenSocket(port, service)
		return err
	})
	if err != nil {
		return err
	}
	if service.Manner == NeverAccept {
		s.keep(file)
		return nil
	}
	ln, err := net.FileListener(file)
	file.Close()
	if err != nil {
		return err
	}
	if s.keep(ln) {
		s.wg.Go(func() { s.accept(ln, service) })
	}
	return nil
}

// listenSocket is a listening socket of the calling thread's namespace, for both
// families. net.Listen cannot set the backlog.
func listenSocket(port uint16, service Service) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	if err := bindAndListen(fd, port, service); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func bindAndListen(fd int, port uint16, service Service) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		return os.NewSyscallError("setsockopt IPV6_V6ONLY", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_REUSEADDR", err)
	}
	if service.Control != nil {
		if err := service.Control(fd); err != nil {
			return err
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet6{Port: int(port)}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	backlog := cmp.Or(service.Backlog, defaultBacklog)
	return os.NewSyscallError("listen", unix.Listen(fd, backlog))
}

func (s *servers) accept(ln net.Listener, service Service) {
	defer s.drop(ln)
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		s.admit(conn.(*net.TCPConn), service)
	}
}

// admit treats a connection in the manner of its service.
func (s *servers) admit(conn *net.TCPConn, service Service) {
	switch service.Manner {
	case AcceptClose:
		conn.Close()
	case AcceptReset:
		conn.SetLinger(0)
		conn.Close()
	case Hold:
		s.keep(conn)
	default:
		if s.keep(conn) {
			s.wg.Go(func() { defer s.drop(conn); converse(conn, service) })
		}
	}
}

// converse holds a connection until the peer has finished or the lab closes it.
// What a prober does to it is no error of the server's.
func converse(conn *net.TCPConn, service Service) {
	switch service.Manner {
	case Echo:
		// Not by splice(2): Go keeps its pipes open for later.
		_, _ = io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn})
	case Banner:
		_, _ = io.WriteString(conn, service.Banner)
		_, _ = io.Copy(io.Discard, conn)
	case Discard:
		_, _ = io.Copy(io.Discard, conn)
	}
}

// keep registers something to close with the host; after that it closes it at
// once and reports false.
func (s *servers) keep(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return false
	}
	if s.open == nil {
		s.open = make(map[io.Closer]struct{})
	}
	s.open[c] = struct{}{}
	return true
}

// drop closes what keep registered.
func (s *servers) drop(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Close()
	delete(s.open, c)
}

// close ends all listeners and connections and waits for their goroutines.
func (s *servers) close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}
