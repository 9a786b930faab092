package netraw

import (
	"errors"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// neighbourTable is the kernel's neighbour table, over two netlink sockets: one
// for requests, which the kernel answers at once, and one for its notifications,
// which a goroutine reads.
type neighbourTable struct {
	requests map[int]*nl.SocketHandle
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

func (t *neighbourTable) open() error {
	t.bell = make(chan struct{}, 1)
	t.expected, t.latest = make(map[neighbour]bool), make(map[neighbour]*netlink.Neigh)
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	t.requests = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}
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

// request makes a message about one entry: rtnetlink(7), RTM_NEWNEIGH.
func (t *neighbourTable) request(kind, flags int, key neighbour, state uint16, use uint8) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = t.requests
	family := uint8(unix.AF_INET6)
	if key.addr.Is4() {
		family = unix.AF_INET
	}
	req.AddData(&netlink.Ndmsg{Family: family, Index: uint32(key.ifindex), State: state, Flags: use})
	req.AddData(nl.NewRtAttr(netlink.NDA_DST, key.addr.AsSlice()))
	return req
}

// get returns an entry of the table; ENOENT if there is none. Linux 5.0.
func (t *neighbourTable) get(key neighbour) (*netlink.Neigh, error) {
	msgs, err := t.request(unix.RTM_GETNEIGH, 0, key, 0, 0).Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if err != nil {
		return nil, err
	}
	if len(msgs) == 0 {
		return nil, unix.ENOENT
	}
	return netlink.NeighDeserialize(msgs[0])
}

// use makes the kernel solicit a neighbour: one that it knows an address of at
// that address (NUD_PROBE), any other by broadcast or multicast (NTF_USE).
func (t *neighbourTable) use(key neighbour, known bool) error {
	state, use := uint16(unix.NUD_NONE), uint8(unix.NTF_USE)
	if known {
		state, use = unix.NUD_PROBE, 0
	}
	const flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE | unix.NLM_F_ACK
	_, err := t.request(unix.RTM_NEWNEIGH, flags, key, state, use).Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// remove takes an entry out of the table; one that is not there is no error.
func (t *neighbourTable) remove(key neighbour) error {
	_, err := t.request(unix.RTM_DELNEIGH, unix.NLM_F_ACK, key, 0, 0).Execute(unix.NETLINK_ROUTE, 0)
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
