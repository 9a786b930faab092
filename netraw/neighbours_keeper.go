package netraw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"syscall"
)

// Solicitation says how a neighbour is asked for.
type Solicitation uint8

const (
	// SolicitAnywhere asks by broadcast or multicast.
	SolicitAnywhere Solicitation = iota
	// SolicitKnown asks at the address that the table has.
	SolicitKnown
)

// NeighbourTable changes the kernel's table of neighbours. The indices are those
// of interfaces, addresses have no zone.
type NeighbourTable interface {
	Solicit(ifindex int, addr netip.Addr, how Solicitation) error
	Remove(ifindex int, addr netip.Addr) error
}

// A request to a keeper is so long: what to do, how, the length of the address,
// one byte unused, the interface in native order, and the address. The answer is
// an error number in native order, 0 for none.
const (
	keeperRequest = 4 + 4 + 16
	keeperAnswer  = 4

	keeperSolicit = 1
	keeperRemove  = 2
)

// RemoteNeighbourTable is the table of a process at the other end of conn that
// runs [KeepNeighbours]: it may change the table, and nothing else, where this
// process has given up the right.
func RemoteNeighbourTable(conn io.ReadWriter) NeighbourTable {
	return &remoteTable{conn: conn}
}

type remoteTable struct {
	mu   sync.Mutex
	conn io.ReadWriter
}

func (t *remoteTable) Solicit(ifindex int, addr netip.Addr, how Solicitation) error {
	return t.call(keeperSolicit, ifindex, addr, how)
}

func (t *remoteTable) Remove(ifindex int, addr netip.Addr) error {
	return t.call(keeperRemove, ifindex, addr, 0)
}

func (t *remoteTable) call(what byte, ifindex int, addr netip.Addr, how Solicitation) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var request [keeperRequest]byte
	b := addr.AsSlice()
	request[0], request[1], request[2] = what, byte(how), byte(len(b))
	binary.NativeEndian.PutUint32(request[4:], uint32(ifindex))
	copy(request[8:], b)
	var answer [keeperAnswer]byte
	if _, err := t.conn.Write(request[:]); err != nil {
		return fmt.Errorf("neighbour keeper: %w: %w", err, syscall.EPERM)
	}
	if _, err := io.ReadFull(t.conn, answer[:]); err != nil {
		return fmt.Errorf("neighbour keeper: %w: %w", err, syscall.EPERM)
	}
	if errno := binary.NativeEndian.Uint32(answer[:]); errno != 0 {
		return syscall.Errno(errno)
	}
	return nil
}

// KeepNeighbours does for the other end of conn what it asks of table, until that
// end is closed. A request that is none ends it with an error.
func KeepNeighbours(conn io.ReadWriter, table NeighbourTable) error {
	var request [keeperRequest]byte
	for {
		if _, err := io.ReadFull(conn, request[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		done, err := keep(request[:], table)
		if err != nil {
			return err
		}
		var answer [keeperAnswer]byte
		binary.NativeEndian.PutUint32(answer[:], uint32(done))
		if _, err := conn.Write(answer[:]); err != nil {
			return err
		}
	}
}

var errKeeperRequest = errors.New("not a request to a neighbour keeper")

func keep(request []byte, table NeighbourTable) (syscall.Errno, error) {
	how := Solicitation(request[1])
	addr, ok := netip.AddrFromSlice(request[8 : 8+min(int(request[2]), 16)])
	if !ok || request[2] > 16 || how > SolicitKnown {
		return 0, errKeeperRequest
	}
	ifindex := int(binary.NativeEndian.Uint32(request[4:]))
	var err error
	switch request[0] {
	case keeperSolicit:
		err = table.Solicit(ifindex, addr, how)
	case keeperRemove:
		err = table.Remove(ifindex, addr)
	default:
		return 0, errKeeperRequest
	}
	var errno syscall.Errno
	if err != nil && !errors.As(err, &errno) {
		errno = syscall.EIO
	}
	return errno, nil
}

// OpenNeighbourTable returns the table as this process may change it. Changes
// need CAP_NET_ADMIN when they are made, and fail with EPERM without it.
func OpenNeighbourTable() (NeighbourTable, error) { return openNeighbourTable() }
