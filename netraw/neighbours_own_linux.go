package netraw

import (
	"fmt"
	"net/netip"

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
	state, use := uint16(unix.NUD_NONE), uint8(unix.NTF_USE)
	if how == SolicitKnown {
		state, use = unix.NUD_PROBE, 0
	}
	const flags = unix.NLM_F_CREATE | unix.NLM_F_REPLACE | unix.NLM_F_ACK
	req := neighbourRequest(t.requests, unix.RTM_NEWNEIGH, flags, neighbour{ifindex, addr}, state, use)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// Remove takes an entry out of the table; ENOENT if there is none.
func (t ownTable) Remove(ifindex int, addr netip.Addr) error {
	req := neighbourRequest(t.requests, unix.RTM_DELNEIGH, unix.NLM_F_ACK, neighbour{ifindex, addr}, 0, 0)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
