package netraw

import (
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// sources remembers from which address IPv4 destinations are reached, so that one
// question tells the route of each, where connect(2) asks two. The kernel takes that
// address from the route, or from the interface towards its gateway
// (fib_result_prefsrc in net/ipv4/fib_semantics.c), and so all addresses of a range
// that no route and no rule divides have the same. What the kernel keeps of single
// destinations, a path MTU or a redirect, is in its answer to the one question.
//
// IPv6 chooses among the addresses of an interface by the destination itself (RFC 6724
// §5), and gets both questions always.
type sources struct {
	asked  int // destinations, before the borders were read
	starts []uint32
	ranges map[int]sourced
	until  time.Time // what was read holds
}

// sourced is a range with its source, and the kernel's answer about an address of it.
type sourced struct {
	src    netip.Addr
	answer routeAnswer
}

const (
	// manyRoutes are so many that it pays to read the borders.
	manyRoutes = 64
	// sourcesHold is for how long what was read is believed, or sourcesWorth times as long
	// as it took: a router of the Internet has a million routes.
	sourcesHold  = time.Second
	sourcesWorth = 20
)

// of is what is known of a destination's range.
func (s *sources) of(dst netip.Addr) (sourced, bool) {
	if s.starts == nil {
		return sourced{}, false
	}
	if time.Now().After(s.until) {
		*s = sources{}
		return sourced{}, false
	}
	found, ok := s.ranges[lastNotAbove(s.starts, number4(dst))]
	return found, ok
}

// note takes in what the kernel said of a destination, once many were asked for.
func (s *sources) note(handle *netlink.Handle, dst netip.Addr, found sourced) {
	if s.starts == nil {
		if s.asked++; s.asked < manyRoutes || !s.read(handle) {
			return
		}
	}
	s.ranges[lastNotAbove(s.starts, number4(dst))] = found
}

// read reads the borders, and tells whether it could.
func (s *sources) read(handle *netlink.Handle) bool {
	var c routeCache
	began := time.Now()
	if err := c.reload(handle, unix.AF_INET); err != nil {
		*s = sources{}
		return false
	}
	took := time.Since(began)
	*s = sources{starts: c.starts4, ranges: make(map[int]sourced), until: began.Add(took + max(sourcesHold, sourcesWorth*took))}
	return true
}

// one asks one question where the source is known, and tells whether that was
// enough: what differs from what is known of the range is asked for anew.
func (r *router) one(q routeQuestion) (found sourced, ok bool) {
	if q.src.IsValid() || !q.dst.Is4() || r.several {
		return found, false
	}
	known, ok := r.sources.of(q.dst)
	if !ok {
		return found, false
	}
	q.src = known.src
	answer, err := r.ask(q)
	a, b := answer, known.answer
	a.mtu, a.src, b.mtu, b.src = 0, netip.Addr{}, 0, netip.Addr{}
	return sourced{q.src, answer}, err == nil && a == b
}

// remember keeps the source of the range of a destination: that of a route to
// machines elsewhere, since this machine's own addresses are sources themselves.
func (r *router) remember(dst netip.Addr, found sourced) {
	if dst.Is4() && !r.several && found.answer.kind == unix.RTN_UNICAST {
		r.sources.note(r.handle, dst, found)
	}
}
