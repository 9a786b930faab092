//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Packets reads the TCP packets that arrive at the host, whole IP packets, one a
// call, and writes packets to whoever sent the latest of them. The host's own
// kernel gets those that arrive too: a rule that drops all keeps it from answering.
func (h *Host) Packets() (io.ReadWriteCloser, error) {
	var e *ether
	err := h.Do(func() (err error) {
		e, err = openEther()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: host %s: %w", h.Name, err)
	}
	return e, nil
}

// ether is a packet socket that reads TCP packets which arrive, and writes to
// whoever sent the latest of them.
type ether struct {
	*os.File
	mu   sync.Mutex
	peer unix.SockaddrLinklayer
	fd   int
}

func openEther() (*ether, error) {
	everything := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(everything))
	if err != nil {
		return nil, os.NewSyscallError("socket AF_PACKET", err)
	}
	return &ether{File: os.NewFile(uintptr(fd), "packet socket"), fd: fd}, nil
}

// Read returns the next TCP packet that arrived from another machine.
func (e *ether) Read(b []byte) (int, error) {
	conn, err := e.SyscallConn()
	if err != nil {
		return 0, err
	}
	for {
		var n int
		var from unix.Sockaddr
		var failed error
		err := conn.Read(func(fd uintptr) bool {
			n, from, failed = unix.Recvfrom(int(fd), b, 0)
			return !errors.Is(failed, unix.EAGAIN)
		})
		if err := errors.Join(err, failed); err != nil {
			return 0, err
		}
		if peer, ok := from.(*unix.SockaddrLinklayer); ok && peer.Pkttype == unix.PACKET_HOST && carriesTCP(b[:n]) {
			e.mu.Lock()
			e.peer = *peer
			e.mu.Unlock()
			return n, nil
		}
	}
}

// Write sends an IP packet.
func (e *ether) Write(b []byte) (int, error) {
	e.mu.Lock()
	to := e.peer
	e.mu.Unlock()
	to.Protocol = ethertype(b)
	return len(b), unix.Sendto(e.fd, b, 0, &to)
}

// ethertype is the protocol of an IP packet in network order.
func ethertype(ip []byte) uint16 {
	protocol := uint16(unix.ETH_P_IP)
	if ip[0]>>4 == 6 {
		protocol = unix.ETH_P_IPV6
	}
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, protocol))
}

func carriesTCP(ip []byte) bool {
	switch {
	case len(ip) >= 40 && ip[0]>>4 == 4:
		return ip[9] == unix.IPPROTO_TCP
	case len(ip) >= 60 && ip[0]>>4 == 6:
		return ip[6] == unix.IPPROTO_TCP
	}
	return false
}
