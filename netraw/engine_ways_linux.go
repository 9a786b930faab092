package netraw

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// patience is how long the first probe through a gateway waits for the gateway's
	// hardware address. If that takes longer, probes through it are refused for now,
	// so that others need not wait.
	patience = 100 * time.Millisecond
	// askAgain is how soon the kernel is made to ask for the address anew. It
	// asks three times itself, a second apart (arp(7), mcast_solicit).
	askAgain = time.Second
)

// ways says how to reach an address: by the kernel's routes and neighbours, which its
// notifications keep up to date.
type ways struct {
	routes  router
	events  notices
	heard   sync.WaitGroup
	only    int // the one interface for which frames are made; 0 for all
	longest int // packet in bytes: where the MTU is lower, probes go through the kernel, which says so

	mu      sync.Mutex
	changed *sync.Cond // hops has learned something
	v4, v6  routeCache
	each    map[netip.Addr]*addressRange // by address, where the range's route has several next hops
	charted bool                         // until a route changes
	changes atomic.Uint64                // what was heard of routes
	zones   map[string]int               // by name, while charted
	hops    hops
}

// open subscribes before it reads, so that no change falls between.
func (w *ways) open(cfg Config) (err error) {
	w.changed = sync.NewCond(&w.mu)
	if err := w.routes.open(cfg); err != nil {
		return err
	}
	if err := w.events.open(append(slices.Clone(watchedGroups), unix.RTNLGRP_TC)); err != nil {
		return fmt.Errorf("open netlink socket: %w", sandboxed(err))
	}
	if err := w.hops.read(w.routes.handle); err != nil {
		return err
	}
	w.routes.own.changes = w.changes.Load
	w.heard.Go(w.listen)
	return nil
}

// ethernet is the hardware address of an interface, whether it is one end of a veth
// pair, and whether it is Ethernet at all.
func (w *ways) ethernet(ifindex int) (mac [6]byte, veth, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mac, ok = w.hops.sources[ifindex]
	return mac, w.hops.veths[ifindex], ok
}

func (w *ways) close() {
	w.events.close()
	w.heard.Wait()
	w.routes.close()
}

// listen applies notifications until the socket is closed. When the kernel
// had to drop some (ENOBUFS), everything is read again.
func (w *ways) listen() {
	for {
		msgs, err := w.events.next()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			w.reread()
		case err != nil:
			return
		}
		w.mu.Lock()
		for _, m := range msgs {
			w.apply(m)
		}
		w.changed.Broadcast()
		w.mu.Unlock()
	}
}

func (w *ways) apply(m syscall.NetlinkMessage) {
	w.routes.obeyed.hear(m)
	switch m.Header.Type {
	case unix.RTM_NEWTFILTER, unix.RTM_DELTFILTER, unix.RTM_NEWQDISC, unix.RTM_DELQDISC, unix.RTM_NEWTCLASS, unix.RTM_DELTCLASS:
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		w.hops.hear(m)
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		w.hops.read(w.routes.handle)
		w.outdate()
	default:
		w.outdate()
	}
}

func (w *ways) reread() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hops.read(w.routes.handle)
	w.outdate()
}

// outdate has the routes looked up anew.
func (w *ways) outdate() {
	w.charted = false
	w.changes.Add(1)
}

// route is Conn.Route out of the route cache. A zone is a matter for the kernel.
func (w *ways) route(dst netip.Addr) (Route, error) {
	dst = dst.Unmap()
	if !dst.IsValid() || dst.Zone() != "" {
		return w.routes.route(dst)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.rangeOf(dst)
	if err != nil {
		return Route{}, err
	}
	return r.route, r.err
}

// rangeOf returns the address range of dst, with the route that the kernel has for it.
func (w *ways) rangeOf(dst netip.Addr) (*addressRange, error) {
	if !dst.IsValid() {
		return nil, fmt.Errorf("not an address: %w", ErrNoRoute)
	}
	if !w.charted {
		if err := w.reload(); err != nil {
			return nil, err
		}
	}
	a := &w.v6
	if dst.Is4() {
		a = &w.v4
	}
	r := a.rangeOf(dst)
	if !r.asked {
		w.ask(r, dst)
	}
	if r.route.NextHops > 1 {
		return w.oneOf(dst), nil
	}
	return r, nil
}

// mostEach bounds how many addresses are remembered one by one.
const mostEach = 1 << 17

// oneOf is the range of an address alone: the kernel chooses a next hop for each.
func (w *ways) oneOf(dst netip.Addr) *addressRange {
	r := w.each[dst]
	if r == nil {
		if w.each == nil || len(w.each) >= mostEach {
			w.each = make(map[netip.Addr]*addressRange)
		}
		r = &addressRange{start: dst}
		w.ask(r, dst)
		w.each[dst] = r
	}
	return r
}

func (w *ways) reload() error {
	if w.routes.handle == nil {
		return opError("route", "netlink", nil, syscall.EBADF)
	}
	w.zones, w.each = make(map[string]int), nil
	w.routes.reconsider()
	err := errors.Join(w.v4.reload(w.routes.handle, unix.AF_INET), w.v6.reload(w.routes.handle, unix.AF_INET6))
	w.charted = err == nil
	return err
}

func (w *ways) ask(r *addressRange, dst netip.Addr) {
	r.asked = true
	r.route, r.err = w.routes.route(dst)
	switch {
	case r.err != nil || r.route.Local || r.route.encap || r.route.PerFlow || w.only != 0 && w.only != r.route.IfIndex || r.route.MTU < w.longest:
		r.via = viaKernel
	case r.route.NextHop.IsValid():
		r.via = w.hops.number(neighbour{r.route.IfIndex, r.route.NextHop})
	default:
		r.via = viaLink
	}
}

// to returns the number of the hop that leads to dst, or -1: the probe has to
// go through the kernel, and if wait is not zero, those that follow it should
// wait for that hop.
func (w *ways) to(dst netip.Addr) (n int, wait via, err error) {
	if dst.Zone() != "" {
		return w.toZone(dst)
	}
	r, err := w.rangeOf(dst)
	if err == nil {
		err = r.err
	}
	if err != nil {
		return -1, 0, err
	}
	v := r.via
	if v == viaLink {
		v = w.hops.number(neighbour{r.route.IfIndex, dst})
	}
	if v < viaHop {
		return -1, 0, nil
	}
	if n = w.hop(v); n >= 0 {
		return n, 0, nil
	}
	if h := &w.hops.table[v-viaHop]; r.via != viaLink && !h.valid {
		return w.unresolved(h, v)
	}
	return -1, 0, nil
}

// hop is the number of a hop whose address may be used, or -1.
func (w *ways) hop(v via) int {
	h := &w.hops.table[v-viaHop]
	if h.valid && !h.stale {
		return int(v - viaHop)
	}
	h.stale = false // one probe is enough to make the kernel ask
	return -1
}

// toZone is to for a destination on the link that its zone names.
func (w *ways) toZone(dst netip.Addr) (n int, wait via, err error) {
	index, err := w.zone(dst)
	if err != nil {
		return -1, 0, err
	}
	if w.only != 0 && w.only != index {
		return -1, 0, nil
	}
	v := w.hops.number(neighbour{index, dst.WithZone("")})
	if v < viaHop {
		return -1, 0, nil
	}
	return w.hop(v), 0, nil
}

// zone is the interface that the zone of an address names, 0 for none.
func (w *ways) zone(dst netip.Addr) (index int, err error) {
	name := dst.Zone()
	if name == "" {
		return 0, nil
	}
	if !w.charted {
		if err := w.reload(); err != nil {
			return 0, err
		}
	}
	index, known := w.zones[name]
	if !known {
		route, err := w.routes.route(dst)
		if err != nil {
			return 0, err
		}
		index = route.IfIndex
		w.zones[name] = index
	}
	return index, nil
}

// unresolved is for probes through a gateway whose hardware address is unknown:
// one of them makes the kernel ask, and the others come back.
func (w *ways) unresolved(h *hop, v via) (int, via, error) {
	if now := time.Now(); now.Sub(h.asked) >= askAgain {
		h.asked, h.failed = now, false
		return -1, v, nil
	}
	if h.failed {
		return -1, 0, ErrNextHop
	}
	return -1, 0, unix.EAGAIN
}

// await waits up to [patience] until the kernel knows the hop's address. If it does not
// learn it, the probe that made it ask has to be sent again, since the kernel drops it. The
// lock is held before and after.
func (w *ways) await(v via) error {
	late := false
	w.hops.table[v-viaHop].failed = false
	bell := time.AfterFunc(patience, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		late = true
		w.changed.Broadcast()
	})
	defer bell.Stop()
	for {
		h := &w.hops.table[v-viaHop]
		switch {
		case h.valid:
			return nil
		case h.failed && !late:
			return ErrNextHop
		case late:
			return unix.EAGAIN
		}
		w.changed.Wait()
	}
}
