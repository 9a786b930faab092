package netraw

import (
	"errors"
	"net/netip"
	"sync"

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
	told     *nl.NetlinkSocket
	reader   sync.WaitGroup
	bell     chan struct{} // holds one value while there are unread events

	mu       sync.Mutex
	expected map[neighbour]bool
	latest   map[neighbour]*netlink.Neigh // of the expected, at most one each
	overrun  bool                         // the kernel dropped notifications
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
	if t.told, err = nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_NEIGH); err != nil {
		return err
	}
	t.told.SetReceiveBufferSize(eventBuffer, false)
	t.reader.Go(t.listen)
	return nil
}

// listen keeps the latest notification of each entry that is expected.
func (t *neighbourTable) listen() {
	for {
		msgs, _, err := t.told.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			t.note(nil, true)
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return
		}
		for _, m := range msgs {
			if m.Header.Type != unix.RTM_NEWNEIGH {
				continue
			}
			if entry, err := netlink.NeighDeserialize(m.Data); err == nil {
				t.note(entry, false)
			}
		}
	}
}

func (t *neighbourTable) note(entry *netlink.Neigh, overrun bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.overrun = t.overrun || overrun
	if entry != nil {
		key, ok := keyOf(entry)
		if !ok || !t.expected[key] {
			return
		}
		t.latest[key] = entry
	}
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

// use makes the kernel solicit a neighbour.
func (t *neighbourTable) use(key neighbour, how Solicitation) error {
	return t.changes.Solicit(key.ifindex, key.addr, how)
}

// remove takes an entry out of the table; one that is not there is no error.
func (t *neighbourTable) remove(key neighbour) error {
	err := t.changes.Remove(key.ifindex, key.addr)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// changeable tells whether the kernel lets us change its table: the removal of
// an entry that cannot exist is refused for want of CAP_NET_ADMIN only.
func (t *neighbourTable) changeable() bool {
	nobody := neighbour{loopbackIndex, netip.IPv4Unspecified()}
	return !errors.Is(t.remove(nobody), unix.EPERM)
}

func (t *neighbourTable) close() error {
	for _, s := range t.requests {
		s.Close()
	}
	if t.told != nil {
		t.told.Close()
		t.reader.Wait()
	}
	return nil
}
