package netraw

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// takesIn is Conn.TakesIn. Where interfaces are stacked, the tap has a packet before
// the interface that the kernel takes it in by: of those nothing is said.
func (r *router) takesIn(ifindex int, src, dst netip.Addr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle == nil || !src.Is4() || !dst.Is4() {
		return nil
	}
	l, err := r.link(ifindex)
	if err != nil || l.master != 0 || r.below(ifindex) || !r.filters(l.name) {
		return nil
	}
	if !r.discards(ifindex, src, dst) {
		return nil
	}
	return fmt.Errorf("it came in by %s, which the route to %v does not lead through: %w", l.name, src, ErrReversePath)
}

// discards asks for the route of what comes in: EXDEV is the filter's word
// (fib_validate_source in net/ipv4/fib_frontend.c). Linux 6.13 and later say EINVAL for
// all that is not taken in, so that it must be taken in by the interface of the route
// back.
func (r *router) discards(ifindex int, src, dst netip.Addr) bool {
	_, err := lookUp(r.sockets, r.uid, routeQuestion{dst: dst, src: src, iif: ifindex})
	if !errors.Is(err, unix.EINVAL) {
		return errors.Is(err, unix.EXDEV)
	}
	back, err := lookUp(r.sockets, r.uid, routeQuestion{dst: src, src: dst})
	if err != nil || back.oif == ifindex {
		return false
	}
	_, err = lookUp(r.sockets, r.uid, routeQuestion{dst: dst, src: src, iif: back.oif})
	return err == nil
}

// filters reports whether an interface may have a reverse path filter: the larger of two
// settings counts (ip-sysctl, Linux).
func (r *router) filters(name string) bool {
	const conf = "/proc/sys/net/ipv4/conf/"
	return max(settingOf(conf+"all/rp_filter"), settingOf(conf+name+"/rp_filter")) > 0
}

// below reports whether another interface takes over packets of this one (ip-link(8)).
func (r *router) below(ifindex int) bool {
	if r.lower == nil {
		r.lower = make(map[int]bool)
		var links []netlink.Link
		if err := whole(func() (err error) { links, err = r.handle.LinkList(); return err }); err != nil {
			r.lower = nil // to be asked again
			return true
		}
		for _, l := range links {
			switch l.Type() {
			case "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap":
				r.lower[l.Attrs().ParentIndex] = true
			}
		}
	}
	return r.lower[ifindex]
}
