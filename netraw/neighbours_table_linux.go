package netraw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// neighbourTable is the kernel's neighbour table, over two netlink sockets: one
// for requests, which the kernel answers at once, and one for its notifications,
// which a goroutine reads.
type neighbourTable struct {
	requests map[int]*nl.SocketHandle
	changes  NeighbourTable
	told     notices
	reader   sync.WaitGroup
	bell     chan struct{} // holds one value while there are unread events

	mu       sync.Mutex
	expected map[neighbour]bool
	latest   map[neighbour]*netlink.Neigh // of the expected, at most one each
	overrun  bool                         // the kernel dropped notifications

	asked    int // entries asked for since then
	since    time.Time
	listed   map[neighbour]*netlink.Neigh // the whole table, as it was at listedAt
	listedAt time.Time
}

const (
	// severalEntries asked for within listLife are looked up in a list of all.
	severalEntries = 8
	listLife       = 10 * time.Millisecond
)

// entry is an entry of the table, nil if there is none. Where many are asked for at
// a time it may be some milliseconds old. One goroutine asks.
func (t *neighbourTable) entry(key neighbour, now time.Time) *netlink.Neigh {
	if now.Sub(t.listedAt) < listLife {
		return t.listed[key]
	}
	if now.Sub(t.since) >= listLife {
		t.since, t.asked = now, 0
	}
	if t.asked++; t.asked > severalEntries && t.list() == nil {
		t.listedAt = now
		return t.listed[key]
	}
	entry, err := t.get(key)
	if err != nil {
		return nil
	}
	return entry
}

// list reads the whole table.
func (t *neighbourTable) list() error {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	req.Sockets = t.requests
	req.AddData(&netlink.Ndmsg{Family: unix.AF_UNSPEC})
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if err != nil {
		return err
	}
	t.listed = make(map[neighbour]*netlink.Neigh, len(msgs))
	for _, m := range msgs {
		if entry, err := netlink.NeighDeserialize(m); err == nil {
			if key, ok := keyOf(entry); ok {
				t.listed[key] = entry
			}
		}
	}
	return nil
}

// eventBuffer is room for some thousand notifications.
const eventBuffer = 1 << 20

func (t *neighbourTable) open(changes NeighbourTable) (err error) {
	t.bell = make(chan struct{}, 1)
	t.expected, t.latest = make(map[neighbour]bool), make(map[neighbour]*netlink.Neigh)
	if t.requests, err = neighbourRequests(); err != nil {
		return err
	}
	if t.changes = changes; changes == nil {
		t.changes = ownTable{t.requests}
	}
	if err := t.told.open([]uint{unix.RTNLGRP_NEIGH}); err != nil {
		return fmt.Errorf("open netlink socket: %w", sandboxed(err))
	}
	t.told.withFD(option{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, eventBuffer}.set)
	t.reader.Go(t.listen)
	return nil
}

// listen keeps the latest notification of each entry that is expected.
func (t *neighbourTable) listen() {
	for {
		msgs, err := t.told.next()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			t.overran()
		case err != nil:
			return
		}
		t.note(msgs)
	}
}

// overran takes note of notifications that were lost.
func (t *neighbourTable) overran() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.overrun = true
	t.ring()
}

// note keeps what is told of those who are asked for, other than that they are.
func (t *neighbourTable) note(msgs []syscall.NetlinkMessage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range msgs {
		if m.Header.Type != unix.RTM_NEWNEIGH || !tells(m.Data, nudValid|netlink.NUD_FAILED) {
			continue
		}
		entry, err := netlink.NeighDeserialize(slices.Clone(m.Data)) // which keeps parts of it
		if err != nil {
			continue
		}
		if key, ok := keyOf(entry); ok && t.expected[key] {
			t.latest[key] = entry
			t.ring()
		}
	}
}

// tells reports whether a message about an entry, struct ndmsg of include/uapi/linux/neighbour.h, is of one of some
// states.
func tells(msg []byte, states int) bool {
	return len(msg) >= unix.SizeofNdMsg && int(binary.NativeEndian.Uint16(msg[8:]))&states != 0
}

func (t *neighbourTable) ring() {
	select {
	case t.bell <- struct{}{}:
	default:
	}
}

func keyOf(entry *netlink.Neigh) (neighbour, bool) {
	addr, ok := netip.AddrFromSlice(entry.IP)
	return neighbour{entry.LinkIndex, addr.Unmap()}, ok
}

// events returns the latest notifications since it was last called, and whether
// some were lost.
func (t *neighbourTable) events() (map[neighbour]*netlink.Neigh, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	latest, overrun := t.latest, t.overrun
	t.latest, t.overrun = make(map[neighbour]*netlink.Neigh), false
	return latest, overrun
}

// expect drops what was told of an entry, and keeps what will be.
func (t *neighbourTable) expect(key neighbour) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expected[key] = true
	delete(t.latest, key)
}

func (t *neighbourTable) ignore(key neighbour) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.expected, key)
	delete(t.latest, key)
}

// get returns an entry of the table; ENOENT if there is none. Linux 5.0.
func (t *neighbourTable) get(key neighbour) (*netlink.Neigh, error) {
	req := neighbourRequest(t.requests, unix.RTM_GETNEIGH, 0, key, 0, 0)
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if err != nil {
		return nil, err
	}
	if len(msgs) == 0 {
		return nil, unix.ENOENT
	}
	return netlink.NeighDeserialize(msgs[0])
}

// change makes changes in their order, and returns an error or nil for each. To
// remove what is not there is none.
func (t *neighbourTable) change(list []tableChange) []error {
	if len(list) == 0 {
		return nil
	}
	errs := changeAll(t.changes, list)
	for i, err := range errs {
		if list[i].remove && errors.Is(err, unix.ENOENT) {
			errs[i] = nil
		}
	}
	return errs
}

// changeable reports whether the kernel lets us change its table: the removal of
// an entry that cannot exist is refused for want of CAP_NET_ADMIN only.
func (t *neighbourTable) changeable() bool {
	nobody := neighbour{loopbackIndex, netip.IPv4Unspecified()}
	return !errors.Is(t.change([]tableChange{{key: nobody, remove: true}})[0], unix.EPERM)
}

func (t *neighbourTable) close() error {
	for _, s := range t.requests {
		s.Close()
	}
	err := t.told.close()
	t.reader.Wait()
	return err
}
