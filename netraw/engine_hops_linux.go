package netraw

import (
	"errors"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// via is the way that a probe takes.
type via int32

const (
	viaUnknown via = iota // zero: not asked yet
	viaKernel             // through the kernel's IP: no frame can be made here
	viaLink               // the destination is its own next hop
	viaHop                // viaHop+n: by hop n
)

// maxHops bounds the table of hops, as does the array of the sending program.
// Neighbours beyond it are reached through the kernel.
const maxHops = 1 << 16

// hop is a neighbour that probes went to.
type hop struct {
	neighbour
	header [12]byte  // destination and source address of a frame
	valid  bool      // header is right
	stale  bool      // the kernel wants it confirmed: see hops.learn
	failed bool      // the kernel asked in vain
	asked  time.Time // when a probe last made it ask
}

// hops mirrors the kernel's neighbour table, and numbers the entries that are used.
// The kernel's notifications keep it up to date; a neighbour that the table lacks is
// resolved by sending a probe through the kernel.
type hops struct {
	known    map[neighbour]hop // all that the kernel told of
	numbered map[neighbour]via
	table    []hop
	publish  func(n int, header [12]byte) // told of each new header; may be nil
	sources  map[int][6]byte              // hardware addresses of Ethernet interfaces
	veths    map[int]bool                 // which of them are one end of a pair
}

// The states in which a neighbour's address may be used: NUD_VALID in
// include/net/neighbour.h.
const nudValid = netlink.NUD_PERMANENT | netlink.NUD_NOARP | netlink.NUD_REACHABLE |
	netlink.NUD_PROBE | netlink.NUD_STALE | netlink.NUD_DELAY

// read takes in the interfaces and the whole table.
func (h *hops) read(handle *netlink.Handle) error {
	return whole(func() error { return h.readOnce(handle) })
}

// whole repeats the reading of a kernel's table that changed meanwhile (NLM_F_DUMP_INTR,
// include/uapi/linux/netlink.h), for as long as may be needed where it changes all the time.
func whole(read func() error) (err error) {
	for range 200 {
		if err = read(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return err
}

func (h *hops) readOnce(handle *netlink.Handle) error {
	h.sources, h.veths = make(map[int][6]byte), make(map[int]bool)
	links, err := handle.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		attrs := l.Attrs()
		h.veths[attrs.Index] = l.Type() == "veth"
		if attrs.EncapType == "ether" && len(attrs.HardwareAddr) == 6 {
			h.sources[attrs.Index] = [6]byte(attrs.HardwareAddr)
		}
	}
	h.known = make(map[neighbour]hop)
	list, err := handle.NeighList(0, 0)
	if err != nil {
		return err
	}
	for i := range list {
		h.learn(&list[i])
	}
	for i := range h.table {
		h.refresh(i)
	}
	return nil
}

// hear applies the kernel's notification about one entry of the table.
func (h *hops) hear(m syscall.NetlinkMessage) {
	n, err := netlink.NeighDeserialize(m.Data)
	if err != nil {
		return
	}
	if m.Header.Type != unix.RTM_DELNEIGH {
		h.learn(n)
	} else if key, ok := keyOf(n); ok {
		delete(h.known, key)
		h.renew(key)
	}
}

// learn takes in one entry of the table.
//
// The kernel confirms an entry only when it uses it itself, and forgets it at
// some time after. So an entry that turned stale lets the next probe through
// the kernel, which then asks the neighbour, as for any packet of its own.
func (h *hops) learn(n *netlink.Neigh) {
	key, ok := keyOf(n)
	if !ok {
		return
	}
	now := hop{neighbour: key, failed: n.State == netlink.NUD_FAILED}
	if source, ether := h.sources[n.LinkIndex]; ether && n.State&nudValid != 0 && len(n.HardwareAddr) == 6 {
		now.valid = true
		now.stale = n.State == netlink.NUD_STALE
		copy(now.header[:6], n.HardwareAddr)
		copy(now.header[6:], source[:])
	}
	h.known[key] = now
	h.renew(key)
}

// renew refreshes the hop of a neighbour, if it has one.
func (h *hops) renew(key neighbour) {
	if v, used := h.numbered[key]; used {
		h.refresh(int(v - viaHop))
	}
}

// refresh brings hop n up to date with what is known.
func (h *hops) refresh(n int) {
	old := &h.table[n]
	now := h.known[old.neighbour]
	now.neighbour, now.asked = old.neighbour, old.asked
	if now.valid && h.publish != nil && now.header != old.header {
		h.publish(n, now.header)
	}
	*old = now
}

// number finds the way to a neighbour, giving it a number at first use.
func (h *hops) number(key neighbour) via {
	if v, used := h.numbered[key]; used {
		return v
	}
	if _, ether := h.sources[key.ifindex]; !ether || len(h.table) == maxHops {
		return viaKernel
	}
	n := len(h.table)
	h.table = append(h.table, hop{neighbour: key})
	if h.numbered == nil {
		h.numbered = make(map[neighbour]via)
	}
	v := viaHop + via(n)
	h.numbered[key] = v
	h.refresh(n)
	return v
}

// watchedGroups are the rtnetlink(7) groups whose messages change anything here.
var watchedGroups = []uint{
	unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH,
	unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE,
	unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE,
}
