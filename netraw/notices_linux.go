package netraw

import (
	"cmp"
	"syscall"

	"golang.org/x/sys/unix"
)

// notices are what the kernel tells of itself to those who have subscribed: rtnetlink(7). They are read as
// many as there are by one call, since changes of hundreds of neighbours come at once.
type notices struct {
	socket
	in   *datagrams
	msgs []syscall.NetlinkMessage
	got  int
	err  error
}

// mostNotices are taken by one call. None is longer than noticeSize (NLMSG_GOODSIZE in
// include/linux/netlink.h is a page, less a little), but those of interfaces with very many attributes.
const (
	mostNotices = 32
	noticeSize  = 8 << 10
)

func (x *notices) open(groups []uint) (err error) {
	x.socket, err = subscribe(groups)
	x.in = newDatagrams(mostNotices, noticeSize)
	return err
}

// subscribe opens a socket that hears what some groups are told of.
func subscribe(groups []uint) (socket, error) {
	return newSocket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE, func(fd int) error {
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		for _, group := range groups {
			if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(group)); err != nil {
				return err
			}
		}
		return nil
	})
}

// next waits for notices, and returns what there is; it is valid until the next call. ENOBUFS: some
// were lost.
func (x *notices) next() ([]syscall.NetlinkMessage, error) {
	err := x.raw.Read(func(fd uintptr) (done bool) {
		x.got, x.err = x.in.take(fd)
		return x.err != unix.EAGAIN
	})
	if err != nil || x.err != nil {
		return nil, cmp.Or(err, x.err)
	}
	x.msgs = x.msgs[:0]
	for i := range x.got {
		b, whole := x.in.at(i)
		msgs, err := syscall.ParseNetlinkMessage(b)
		if err != nil || !whole {
			return nil, unix.ENOBUFS
		}
		x.msgs = append(x.msgs, msgs...)
	}
	return x.msgs, nil
}
