package netraw

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

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
	if err != nil || !r.filters(ifindex, &l) || !r.discards(ifindex, src, dst) {
		return nil
	}
	return fmt.Errorf("it came in by %s, which the route to %v does not lead through: %w", l.name, src, ErrReversePath)
}

// filters reports whether an interface may have a reverse path filter, as it was when it was
// first asked about, and since routes changed last: a run that is wide asks for each /24, and
// reading the settings takes 40 µs.
func (r *router) filters(ifindex int, l *link) bool {
	filters, known := r.filtering[ifindex]
	if !known {
		filters = l.master == 0 && hasFilter(l.name) && !r.below(ifindex)
		r.filtering[ifindex] = filters
	}
	return filters
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

// hasFilter reports whether a reverse path filter is set: the larger of two settings
// counts (ip-sysctl, Linux).
func hasFilter(name string) bool {
	const conf = "/proc/sys/net/ipv4/conf/"
	return max(settingOf(conf+"all/rp_filter"), settingOf(conf+name+"/rp_filter")) > 0
}

// below reports whether another interface takes over packets of this one (ip-link(8)), or
// may.
func (r *router) below(ifindex int) bool {
	var links []netlink.Link
	err := whole(func() (err error) { links, err = r.handle.LinkList(); return err })
	return err != nil || slices.ContainsFunc(links, func(l netlink.Link) bool {
		return l.Attrs().ParentIndex == ifindex && takesOver(l.Type())
	})
}

// takesOver reports whether an interface of a kind has packets of the one that it stands on.
func takesOver(kind string) bool {
	return slices.Contains([]string{"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}, kind)
}
