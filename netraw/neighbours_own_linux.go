package netraw

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// ownTable changes the kernel's table with the rights of this process.
type ownTable struct {
	requests map[int]*nl.SocketHandle
}

func openNeighbourTable() (NeighbourTable, error) {
	requests, err := neighbourRequests()
	if err != nil {
		return nil, err
	}
	return ownTable{requests}, nil
}

// neighbourRequests is a netlink socket for requests.
func neighbourRequests() (map[int]*nl.SocketHandle, error) {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", sandboxed(err))
	}
	return map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}, nil
}

// neighbourRequest makes a message about one entry: rtnetlink(7), RTM_NEWNEIGH.
func neighbourRequest(via map[int]*nl.SocketHandle, kind, flags int, key neighbour, state uint16, use uint8) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	req.Sockets = via
	family := uint8(unix.AF_INET6)
	if key.addr.Is4() {
		family = unix.AF_INET
	}
	req.AddData(&netlink.Ndmsg{Family: family, Index: uint32(key.ifindex), State: state, Flags: use})
	req.AddData(nl.NewRtAttr(netlink.NDA_DST, key.addr.AsSlice()))
	return req
}

// Solicit asks for a neighbour that the kernel knows an address of at that address
// (NUD_PROBE), for any other by broadcast or multicast (NTF_USE).
func (t ownTable) Solicit(ifindex int, addr netip.Addr, how Solicitation) error {
	return t.change([]tableChange{{key: neighbour{ifindex, addr}, how: how}})[0]
}

// Remove takes an entry out of the table; ENOENT if there is none.
func (t ownTable) Remove(ifindex int, addr netip.Addr) error {
	return t.change([]tableChange{{key: neighbour{ifindex, addr}, remove: true}})[0]
}

// changesTogether are made by one call: the answers to so many have room in the buffer of
// a socket (net.core.rmem_default is 208 KiB, and the kernel counts less than one for each).
const changesTogether = 64

// change makes changes in their order, and returns an error or nil for each.
func (t ownTable) change(list []tableChange) []error {
	errs := make([]error, 0, len(list))
	for some := range slices.Chunk(list, changesTogether) {
		errs = append(errs, t.changeSome(some)...)
	}
	return errs
}

// changeSome hands the kernel all requests by one call, which it answers before that returns
// (netlink_rcv_skb in net/netlink/af_netlink.c).
func (t ownTable) changeSome(list []tableChange) []error {
	via := t.requests[unix.NETLINK_ROUTE]
	via.Socket.Lock()
	defer via.Socket.Unlock()
	first := atomic.AddUint32(&via.Seq, uint32(len(list))) - uint32(len(list)) + 1
	var b []byte
	for i := range list {
		req := list[i].message(t.requests)
		req.Seq = first + uint32(i)
		b = append(b, req.Serialize()...)
	}
	errs := slices.Repeat([]error{unix.EIO}, len(list)) // where no answer comes
	fd := via.Socket.GetFd()
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return slices.Repeat([]error{err}, len(list))
	}
	takeAnswers(uintptr(fd), first, errs)
	return errs
}

// message is the request for a change.
func (c *tableChange) message(via map[int]*nl.SocketHandle) *nl.NetlinkRequest {
	const flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE | unix.NLM_F_ACK
	switch {
	case c.remove:
		return neighbourRequest(via, unix.RTM_DELNEIGH, unix.NLM_F_ACK, c.key, 0, 0)
	case c.how == SolicitKnown:
		return neighbourRequest(via, unix.RTM_NEWNEIGH, flags, c.key, unix.NUD_PROBE, 0)
	}
	return neighbourRequest(via, unix.RTM_NEWNEIGH, flags, c.key, unix.NUD_NONE, netlink.NTF_USE)
}

// answerSize is more than an answer has that says how a request went: NLMSG_ERROR, an error number, and
// the request, netlink(7).
const answerSize = 512

// takeAnswers takes the answers to requests, of which the first has a number.
func takeAnswers(fd uintptr, first uint32, errs []error) {
	in := newDatagrams(len(errs), answerSize)
	for left := len(errs); left > 0; {
		n, err := in.take(fd)
		if err != nil {
			return
		}
		for i := range n {
			b, _ := in.at(i)
			if at, err, ok := answerIn(b); ok && at-first < uint32(len(errs)) {
				errs[at-first] = err
				left--
			}
		}
	}
}

// answerIn is the number of the request that a message answers, and how that went; ok is false where it
// answers none.
func answerIn(b []byte) (number uint32, err error, ok bool) {
	if len(b) < unix.NLMSG_HDRLEN+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return 0, nil, false
	}
	if errno := -int32(binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN:])); errno != 0 {
		err = unix.Errno(errno)
	}
	return binary.NativeEndian.Uint32(b[8:]), err, true
}
