package netraw

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"syscall"
	"time"
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
	gone error // why the keeper is not asked any more
}

// keeperPatience is how long a keeper may take to answer, which takes the kernel
// microseconds: a keeper that was stopped must not block the process that asks it.
const keeperPatience = 2 * time.Second

func (t *remoteTable) Solicit(ifindex int, addr netip.Addr, how Solicitation) error {
	return t.change([]tableChange{{key: neighbour{ifindex, addr}, how: how}})[0]
}

func (t *remoteTable) Remove(ifindex int, addr netip.Addr) error {
	return t.change([]tableChange{{key: neighbour{ifindex, addr}, remove: true}})[0]
}

// neighbour names an entry of the kernel's neighbour table.
type neighbour struct {
	ifindex int
	addr    netip.Addr
}

// tableChange is one change of the table: an entry removed, or its neighbour
// solicited.
type tableChange struct {
	key    neighbour
	remove bool
	how    Solicitation
}

func (c *tableChange) apply(t NeighbourTable) error {
	if c.remove {
		return t.Remove(c.key.ifindex, c.key.addr)
	}
	return t.Solicit(c.key.ifindex, c.key.addr, c.how)
}

// changesAtOnce is a table that makes several changes at the cost of one.
type changesAtOnce interface {
	change(list []tableChange) []error
}

// changeAll makes changes in their order, and returns an error or nil for each.
func changeAll(t NeighbourTable, list []tableChange) (errs []error) {
	if all, ok := t.(changesAtOnce); ok {
		return all.change(list)
	}
	for i := range list {
		errs = append(errs, list[i].apply(t))
	}
	return errs
}

func (c *tableChange) request() (b [keeperRequest]byte) {
	addr := c.key.addr.AsSlice()
	b[0], b[1], b[2] = keeperSolicit, byte(c.how), byte(len(addr))
	if c.remove {
		b[0], b[1] = keeperRemove, 0
	}
	binary.NativeEndian.PutUint32(b[4:], uint32(c.key.ifindex))
	copy(b[8:], addr)
	return b
}

// change sends all requests at once, and reads all answers. They are few enough for
// the buffers of a socket.
func (t *remoteTable) change(list []tableChange) []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var requests []byte
	for i := range list {
		b := list[i].request()
		requests = append(requests, b[:]...)
	}
	answers, errs := make([]byte, keeperAnswer*len(list)), make([]error, len(list))
	if t.gone == nil {
		t.gone = t.exchange(requests, answers)
	}
	for i := range errs {
		if t.gone != nil {
			errs[i] = fmt.Errorf("neighbour keeper: %w: %w", t.gone, syscall.EPERM)
		} else if errno := binary.NativeEndian.Uint32(answers[i*keeperAnswer:]); errno != 0 {
			errs[i] = syscall.Errno(errno)
		}
	}
	return errs
}

// exchange sends requests and reads the answers, within keeperPatience where the
// connection has deadlines. After an error the connection is not used again: a late
// answer could not be told from that to the next request.
func (t *remoteTable) exchange(requests, answers []byte) error {
	if c, ok := t.conn.(interface{ SetDeadline(time.Time) error }); ok {
		c.SetDeadline(time.Now().Add(keeperPatience)) // a file that has none is asked without
	}
	if _, err := t.conn.Write(requests); err != nil {
		return err
	}
	_, err := io.ReadFull(t.conn, answers)
	return err
}

// KeepNeighbours does for the other end of conn what it asks of table, until that
// end is closed. A request that is none ends it with an error.
func KeepNeighbours(conn io.ReadWriter, table NeighbourTable) error {
	in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
	var list []tableChange
	for {
		var err error
		list, err = readChanges(in, list[:0])
		if len(list) > 0 {
			answerChanges(out, changeAll(table, list))
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// readChanges reads a request, and those that came together with it.
func readChanges(in *bufio.Reader, list []tableChange) ([]tableChange, error) {
	var request [keeperRequest]byte
	for {
		if _, err := io.ReadFull(in, request[:]); err != nil {
			return list, err
		}
		c, err := changeIn(request[:])
		if err != nil {
			return list, err
		}
		if list = append(list, c); in.Buffered() < keeperRequest {
			return list, nil
		}
	}
}

func answerChanges(out io.Writer, errs []error) {
	for _, err := range errs {
		var errno syscall.Errno
		if err != nil && !errors.As(err, &errno) {
			errno = syscall.EIO
		}
		var answer [keeperAnswer]byte
		binary.NativeEndian.PutUint32(answer[:], uint32(errno))
		out.Write(answer[:])
	}
}

var errKeeperRequest = errors.New("not a request to a neighbour keeper")

// changeIn is the change that a request asks for.
func changeIn(request []byte) (c tableChange, err error) {
	how := Solicitation(request[1])
	addr, ok := netip.AddrFromSlice(request[8 : 8+min(int(request[2]), 16)])
	if !ok || request[2] > 16 || how > SolicitKnown || request[0] != keeperSolicit && request[0] != keeperRemove {
		return c, errKeeperRequest
	}
	ifindex := int(binary.NativeEndian.Uint32(request[4:]))
	return tableChange{neighbour{ifindex, addr}, request[0] == keeperRemove, how}, nil
}

// OpenNeighbourTable returns the table as this process may change it. Changes
// need CAP_NET_ADMIN when they are made, and fail with EPERM without it.
func OpenNeighbourTable() (NeighbourTable, error) { return openNeighbourTable() }
