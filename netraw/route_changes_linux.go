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
	in     *datagrams // of what they say nothing is read
}

// open subscribes. IPv4 does not tell of the routes that go with an interface, so
// those groups are heard too.
func (r *routeChanges) open() error {
	return r.listen(slices.DeleteFunc(slices.Clone(watchedGroups), func(g uint) bool { return g == unix.RTNLGRP_NEIGH }))
}

// listen subscribes to some groups.
func (r *routeChanges) listen(groups []uint) (err error) {
	r.in = newDatagrams(mostEvents, unix.NLMSG_HDRLEN)
	r.events, err = subscribe(groups)
	return err
}

// mostEvents bounds how many messages one look takes in; the next one takes more.
const mostEvents = 64

// changes takes in what there is. What the kernel had to drop (ENOBUFS) were changes too.
func (r *routeChanges) changes() (count uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events.withFD(func(fd int) error {
		n, err := r.in.take(uintptr(fd))
		if err == unix.ENOBUFS {
			n = 1
		}
		r.count += uint64(n)
		return nil
	})
	return r.count
}

func (r *routeChanges) close() { r.events.close() }
