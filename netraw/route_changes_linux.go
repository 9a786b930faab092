package netraw

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// routeChanges counts what the kernel tells of its routes, rules, addresses and
// interfaces: rtnetlink(7). The zero value hears nothing.
type routeChanges struct {
	events socket
	mu     sync.Mutex
	count  uint64
	buf    [1 << 14]byte
}

// open subscribes. IPv4 does not tell of the routes that go with an interface, so
// those groups are heard too.
func (r *routeChanges) open() error {
	return r.listen(slices.DeleteFunc(slices.Clone(watchedGroups), func(g uint) bool { return g == unix.RTNLGRP_NEIGH }))
}

// listen subscribes to some groups.
func (r *routeChanges) listen(groups []uint) (err error) {
	r.events, err = newSocket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE, func(fd int) error {
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
	return err
}

// mostEvents bounds how many messages one look takes in; the next one takes more.
const mostEvents = 64

// changes takes in what there is. What the kernel had to drop (ENOBUFS) were changes too.
func (r *routeChanges) changes() (count uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events.withFD(func(fd int) error {
		for range mostEvents {
			n, _, err := unix.Recvfrom(fd, r.buf[:], unix.MSG_DONTWAIT)
			if n <= 0 && err != unix.ENOBUFS {
				return err
			}
			r.count++
		}
		return nil
	})
	return r.count
}

func (r *routeChanges) close() { r.events.close() }
