//go:build linux

package bare

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"synscope/craft"
)

// most is how many packets one call sends.
const most = 256

// batch is what one call sends.
type batch struct {
	fd       int
	port     uint16 // of ours
	template *craft.Template
	n        int
	packets  [most][128]byte
	vectors  [most]unix.Iovec
	messages [most]unix.Mmsghdr
}

func (b *batch) add(w *way, port uint16) {
	pkt := b.template.AppendTo(b.packets[b.n][:0], craft.Fields{
		Src: netip.AddrPortFrom(w.src, b.port), Dst: netip.AddrPortFrom(w.dst, port), Seq: craft.Seq(port) << 16,
	})
	b.vectors[b.n].Base = &pkt[0]
	b.vectors[b.n].SetLen(len(pkt))
	m := &b.messages[b.n].Hdr
	m.Name, m.Namelen = (*byte)(unsafe.Pointer(&w.name)), unix.SizeofSockaddrLinklayer
	m.Iov = &b.vectors[b.n]
	m.SetIovlen(1)
	b.n++
}

func (b *batch) flush() error {
	for at := 0; at < b.n; {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(b.fd), uintptr(unsafe.Pointer(&b.messages[at])), uintptr(b.n-at), 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("sendmmsg: %w", errno)
		}
		at += int(n)
	}
	b.n = 0
	return nil
}
