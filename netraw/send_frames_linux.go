package netraw

import (
	"net/netip"
	"sync"
	"syscall"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// frameSender sends packets below the kernel's IP, to neighbours whose link
// address the kernel knows: a packet socket (packet(7), SOCK_DGRAM), for a third
// less than a raw socket takes. It knows the destinations that Conn.Route was asked
// about. All others, and all of them once routes or addresses have changed, take the
// kernel's way, as does the packet that makes it confirm an address which is stale.
type frameSender struct {
	rawSocket
	names [sendBatch]unix.RawSockaddrLinklayer

	*frameTable
}

// frameTable is what is known of destinations; the senders of a connection share it.
type frameTable struct {
	mu     sync.Mutex
	paths  map[[16]byte]uint32 // by destination, from 1
	kinds  []framePath         // which they are: most destinations share one
	hops   hops
	obeyed *obedience
	handle *netlink.Handle
	events notices
	heard  sync.WaitGroup
}

// framePath is how packets from a source reach a destination.
type framePath struct {
	source netip.Addr
	via    via
}

const (
	maxFramePaths = 1 << 16
	// framedLength is the longest packet that is sent so: no MTU is below it (RFC
	// 791 asks for 68, RFC 8200 for 1,280; 576 is usual).
	framedLength = 128
	smallestMTU  = 128
)

// open opens the socket, and a table where there is none yet.
func (f *frameSender) open(table *frameTable, o *obedience) (err error) {
	if f.frameTable = table; table == nil {
		f.frameTable = &frameTable{obeyed: o}
		if err := f.frameTable.open(); err != nil {
			return err
		}
	}
	for i := range f.names {
		f.names[i] = unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Halen: 6}
	}
	f.attempt = f.try
	f.socket, err = newSocket(unix.AF_PACKET, unix.SOCK_DGRAM, 0, func(fd int) error {
		setSendBuffer(fd, sendBuffer)
		return nil
	})
	return err
}

func (f *frameTable) open() (err error) {
	if f.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return err
	}
	if err := f.events.open(watchedGroups); err != nil {
		return err
	}
	if err := f.hops.read(f.handle); err != nil {
		return err
	}
	f.paths = map[[16]byte]uint32{}
	f.heard.Go(f.listen)
	return nil
}

// listen follows what the kernel tells, until the socket is closed.
func (f *frameTable) listen() {
	for {
		msgs, err := f.events.next()
		switch err {
		case nil:
			f.hear(msgs)
		case unix.ENOBUFS:
			f.forget()
		default:
			return
		}
	}
}

func (f *frameTable) hear(msgs []syscall.NetlinkMessage) {
	for _, m := range msgs {
		f.obeyed.hear(m)
		if m.Header.Type != unix.RTM_NEWNEIGH && m.Header.Type != unix.RTM_DELNEIGH {
			f.forget()
			continue
		}
		f.mu.Lock()
		f.hops.hear(m)
		f.mu.Unlock()
	}
}

// forget lets everything take the kernel's way from now on.
func (f *frameTable) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.paths)
	f.kinds = nil
	f.hops.read(f.handle)
}

// note takes in what was found out about the way to a destination.
func (f *frameTable) note(dst netip.Addr, route *Route) {
	if route.Local || route.encap || route.Broadcast || route.Plain || route.MTU < smallestMTU || dst.Is6() && dst.IsLinkLocalUnicast() {
		return
	}
	hop := neighbour{route.IfIndex, dst}
	if route.NextHop.IsValid() {
		hop.addr = route.NextHop
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := framePath{route.Source, f.hops.number(hop)}
	if f.path(dst) != p && len(f.paths) < maxFramePaths && len(f.kinds) < maxFramePaths {
		f.paths[dst.As16()] = f.number(p)
	}
}

// number is that of a path. One like the latest is found; another has a number of its
// own, though it may have come before.
func (f *frameTable) number(p framePath) uint32 {
	if n := len(f.kinds); n == 0 || f.kinds[n-1] != p {
		f.kinds = append(f.kinds, p)
	}
	return uint32(len(f.kinds))
}

// path is the way to a destination, the zero value where none is known.
func (f *frameTable) path(dst netip.Addr) (p framePath) {
	if n := f.paths[dst.As16()]; n > 0 {
		p = f.kinds[n-1]
	}
	return p
}

// address makes the name of message i, if its packet can be sent so. The lock is
// held.
func (f *frameSender) address(i int, pkt []byte, hdr *unix.Msghdr) bool {
	src, dst, protocol := frameEnds(pkt)
	path := f.path(dst)
	if path.via < viaHop || path.source != src || len(pkt) > framedLength {
		return false
	}
	hop := &f.hops.table[path.via-viaHop]
	if !hop.valid || hop.stale {
		hop.stale = false // one packet is enough to make the kernel ask
		return false
	}
	name := &f.names[i]
	name.Protocol, name.Ifindex = htons(protocol), int32(hop.ifindex)
	copy(name.Addr[:6], hop.header[:6])
	hdr.Name, hdr.Namelen = (*byte)(unsafe.Pointer(name)), unix.SizeofSockaddrLinklayer
	hdr.Control = nil
	hdr.SetControllen(0)
	return true
}

// frameEnds are the addresses of a packet, and its EtherType.
func frameEnds(pkt []byte) (src, dst netip.Addr, protocol uint16) {
	switch {
	case len(pkt) >= 20 && pkt[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(pkt[12:16])), netip.AddrFrom4([4]byte(pkt[16:20])), unix.ETH_P_IP
	case len(pkt) >= 40 && pkt[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(pkt[8:24])), netip.AddrFrom16([16]byte(pkt[24:40])), unix.ETH_P_IPV6
	}
	return src, dst, 0
}

func (f *frameTable) close() {
	f.events.close()
	f.heard.Wait()
	if f.handle != nil {
		f.handle.Close()
	}
}
