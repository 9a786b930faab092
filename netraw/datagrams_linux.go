package netraw

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// datagrams takes in what waits in a socket, many messages by one call: recvmmsg(2). What
// it has taken is valid until the next call.
type datagrams struct {
	msgs []unix.Mmsghdr
	iovs []unix.Iovec
	data []byte
	size int // of the longest message; what is longer is cut off
}

func newDatagrams(count, size int) *datagrams {
	d := &datagrams{make([]unix.Mmsghdr, count), make([]unix.Iovec, count), make([]byte, count*size), size}
	for i := range d.msgs {
		d.iovs[i].Base = &d.data[i*size]
		d.iovs[i].SetLen(size)
		d.msgs[i].Hdr.Iov = &d.iovs[i]
		d.msgs[i].Hdr.SetIovlen(1)
	}
	return d
}

// take takes what is there; EAGAIN where nothing is. The call waits for nothing, so the runtime is
// not told of it: see parkFrom.
func (d *datagrams) take(fd uintptr) (n int, err error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd,
			uintptr(unsafe.Pointer(&d.msgs[0])), uintptr(len(d.msgs)), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// at is message i of those that were taken, and whether it is whole.
func (d *datagrams) at(i int) (b []byte, whole bool) {
	start := i * d.size
	return d.data[start : start+int(d.msgs[i].Len)], d.msgs[i].Hdr.Flags&unix.MSG_TRUNC == 0
}
