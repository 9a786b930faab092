package netraw

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sendControl is room for the control messages of one packet, cmsg(3), aligned:
// its source, and with it perhaps the interface (IP_PKTINFO, ip(7);
// IPV6_PKTINFO, ipv6(7)), and its type of service (IP_TOS, IPV6_TCLASS). The
// kernel routes by them and not by the header that it was given.
type sendControl [8]uint64

// put writes a message at a place and returns where the data goes, and the next
// place.
func (c *sendControl) put(at, level, kind int, size int) (data unsafe.Pointer, next int) {
	hdr := (*unix.Cmsghdr)(unsafe.Add(unsafe.Pointer(c), at))
	hdr.Level, hdr.Type = int32(level), int32(kind)
	hdr.SetLen(unix.CmsgLen(size))
	return unsafe.Add(unsafe.Pointer(c), at+unix.CmsgLen(0)), at + unix.CmsgSpace(size)
}

func (c *sendControl) fill4(hdr *unix.Msghdr, pkt []byte, ifindex int) {
	data, end := c.put(0, unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
	*(*unix.Inet4Pktinfo)(data) = unix.Inet4Pktinfo{Ifindex: int32(ifindex), Spec_dst: [4]byte(pkt[12:16])}
	if tos := pkt[1] &^ ecnBits; tos != 0 {
		data, end = c.put(end, unix.IPPROTO_IP, unix.IP_TOS, 4)
		*(*int32)(data) = int32(tos)
	}
	hdr.Control = (*byte)(unsafe.Pointer(c))
	hdr.SetControllen(end)
}

func (c *sendControl) fill6(hdr *unix.Msghdr, pkt []byte, to tie) {
	data, end := c.put(0, unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
	info := unix.Inet6Pktinfo{Ifindex: uint32(to.ifindex)}
	if !to.sourceless {
		info.Addr = [16]byte(pkt[8:24])
	}
	*(*unix.Inet6Pktinfo)(data) = info
	if class := pkt[0]<<4 | pkt[1]>>4; class&^ecnBits != 0 {
		data, end = c.put(end, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 4)
		*(*int32)(data) = int32(class &^ ecnBits)
	}
	hdr.Control = (*byte)(unsafe.Pointer(c))
	hdr.SetControllen(end)
}
