package netraw

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// held is what Ports is on Linux: one listening socket a port, on which
// nothing can arrive.
//
// Why listening: a SYN-ACK that no socket claims is answered with RST (RFC
// 9293 §3.10.7.1), and so is one for a socket that is only bound, because the
// kernel looks segments up among listening and connected sockets only. For a
// listening one tcp_v4_rcv (net/ipv4/tcp_ipv4.c) and tcp_v6_rcv test the
// minimum TTL and run the filter before the state machine, and what fails is
// discarded without answer.
//
// Measured on Linux 6.18, by trying every capability alone: attaching a
// filter to a TCP socket needs CAP_NET_ADMIN in the user namespace that owns
// the network; to a packet, UDP or UNIX socket it needs none. The minimum TTL
// needs none anywhere, nor do the keys of signatures (signature_linux.go). So
// CAP_NET_RAW alone leads to those two.
type held struct {
	sockets  []int
	ports    []uint16
	at       map[netip.Addr]bool // the addresses it is held for; nil for all
	silencer Silencer
	closing  sync.Once
	closeErr error
}

// dropAll is a filter that keeps nothing of any segment.
var dropAll = []bpf.Instruction{bpf.RetConstant{Val: 0}}

func (h *held) hold(n int, cfg PortConfig) error {
	h.silencer = cfg.Silencer
	reserved := sync.OnceValue(reservedPorts)
	for i := range n {
		if i%2 == 1 && h.addTwin(reserved) {
			continue
		}
		err := h.add(cfg.Port)
		if errors.Is(err, unix.EADDRINUSE) {
			err = h.otherwise(cfg, err)
		}
		if err != nil {
			h.close()
			return fmt.Errorf("netraw: hold %s: %w", portsWord(n, cfg.Port), holdError(err))
		}
	}
	return nil
}

// portsWord names what was to be held.
func portsWord(n int, port uint16) string {
	if port != 0 {
		return fmt.Sprintf("port %d", port)
	}
	return fmt.Sprintf("%d ports", n)
}

// otherwise holds a port that is in use at some address, or one beyond those that
// the kernel chooses among.
func (h *held) otherwise(cfg PortConfig, inUse error) error {
	if cfg.Port == 0 {
		return h.addBeyond(inUse)
	}
	return h.addEach(cfg.Port, cfg.Source.Unmap(), inUse)
}

// add opens one more socket, for all addresses.
func (h *held) add(port uint16) error {
	fd, err := bindPort(port)
	if err != nil {
		return err
	}
	if err := h.keep(fd); err != nil {
		return err
	}
	port, err = boundPort(fd)
	h.ports = append(h.ports, port)
	return err
}

// keep makes a bound socket listen, once it is silent.
func (h *held) keep(fd int) error {
	h.sockets = append(h.sockets, fd)
	if err := h.silence(fd); err != nil {
		return err
	}
	return os.NewSyscallError("listen", unix.Listen(fd, 1))
}

// silence applies the mechanism asked for; under SilencerAuto the first that
// works stays for the ports that follow.
func (h *held) silence(fd int) error {
	if h.silencer != SilencerAuto {
		return silenceBy(h.silencer, fd)
	}
	for _, s := range []Silencer{SilencerFilter, SilencerSignature} {
		if silenceBy(s, fd) == nil {
			h.silencer = s
			return nil
		}
	}
	h.silencer = SilencerMinTTL
	return setMinTTL(fd)
}

func silenceBy(s Silencer, fd int) error {
	switch s {
	case SilencerFilter:
		return setFilter(fd, dropAll)
	case SilencerSignature:
		return errors.Join(setMinTTL(fd), demandSignatures(fd))
	}
	return setMinTTL(fd)
}

// setMinTTL covers both IP versions, on a dual-stack socket as on one of
// IPv4 alone, which refuses the IPv6 option.
func setMinTTL(fd int) error {
	if err := (option{"IP_MINTTL", unix.IPPROTO_IP, unix.IP_MINTTL, 255}).set(fd); err != nil {
		return err
	}
	err := option{"IPV6_MINHOPCOUNT", unix.IPPROTO_IPV6, unix.IPV6_MINHOPCOUNT, 255}.set(fd)
	if errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// bindPort binds [::]:port for both IP versions, or 0.0.0.0:port where there
// is no IPv6.
func bindPort(port uint16) (int, error) {
	fd, err := bindAny(unix.AF_INET6, &unix.SockaddrInet6{Port: int(port)})
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) {
		return bindAny(unix.AF_INET, &unix.SockaddrInet4{Port: int(port)})
	}
	return fd, err
}

func bindAny(family int, addr unix.Sockaddr) (int, error) { return bindTCP(family, addr, 0) }

// bindTCP returns a bound socket; only6 is IPV6_V6ONLY, ipv6(7).
func bindTCP(family int, addr unix.Sockaddr, only6 int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if family == unix.AF_INET6 {
		err = option{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only6}.set(fd)
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, addr))
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func boundPort(fd int) (uint16, error) {
	addr, err := unix.Getsockname(fd)
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port), nil
	case *unix.SockaddrInet6:
		return uint16(a.Port), nil
	}
	return 0, os.NewSyscallError("getsockname", err)
}

// holdError names what socket(2), bind(2) and ip(7) say of the error numbers.
func holdError(err error) error {
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("%w: %w", err, ErrPortInUse)
	}
	return permission(fileLimit(err))
}

func (h *held) list() []uint16      { return slices.Clone(h.ports) }
func (h *held) mechanism() Silencer { return h.silencer }

// lend frees the last port, if it is not the only one and one socket holds it.
func (h *held) lend() (port uint16, ok bool) {
	n := len(h.ports) - 1
	if n < 1 || len(h.sockets) != len(h.ports) || unix.Close(h.sockets[n]) != nil {
		return 0, false
	}
	port = h.ports[n]
	h.ports, h.sockets = h.ports[:n], h.sockets[:n]
	return port, true
}

func (h *held) close() error {
	h.closing.Do(func() {
		for _, fd := range h.sockets {
			if err := unix.Close(fd); err != nil && h.closeErr == nil {
				h.closeErr = os.NewSyscallError("close", err)
			}
		}
	})
	return h.closeErr
}
