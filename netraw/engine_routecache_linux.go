package netraw

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addressRange is a set of consecutive addresses that no route and no rule of the
// kernel tells apart, so that its answer for one of them holds for all. It
// goes from start to the next address range's.
type addressRange struct {
	start netip.Addr
	asked bool
	route Route
	err   error
	via   via
}

// routeCache divides the addresses of one IP version into ranges. The kernel's tables
// are read for the bounds of the ranges only: the kernel itself, with its rules, metrics
// and marks, is asked for the route once for each range that is used. Where a route has
// several next hops, it is asked about each address: see ways.oneOf.
type routeCache struct {
	starts4 []uint32 // the ranges' starts, for IPv4 alone
	ranges  []addressRange
}

// reload reads the borders for a family, AF_INET or AF_INET6.
func (a *routeCache) reload(handle *netlink.Handle, family int) error {
	first := netip.IPv4Unspecified()
	if family == unix.AF_INET6 {
		first = netip.IPv6Unspecified()
	}
	starts := []netip.Addr{first}
	mark := func(p netip.Prefix) {
		starts = append(starts, p.Addr())
		if after := last(p).Next(); after.IsValid() {
			starts = append(starts, after)
		}
	}
	err := whole(func() error { return eachPrefix(handle, family, mark) })
	a.divide(starts)
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil // a kernel without IPv6 says so when it is asked for a route
	}
	return err
}

// eachPrefix calls f for the destination of every route of every table, and
// of every rule.
func eachPrefix(handle *netlink.Handle, family int, f func(netip.Prefix)) error {
	every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	err := handle.RouteListFilteredIter(family, every, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
		if r.Dst != nil {
			f(prefix(r.Dst.IP, r.Dst.Mask))
		}
		return true
	})
	if err != nil {
		return err
	}
	rules, err := handle.RuleList(family)
	for _, r := range rules {
		if r.Dst != nil {
			f(prefix(r.Dst.IP, r.Dst.Mask))
		}
	}
	return err
}

// divide makes the ranges of their starts, in any order and repeated.
func (a *routeCache) divide(starts []netip.Addr) {
	slices.SortFunc(starts, netip.Addr.Compare)
	starts = slices.Compact(starts)
	a.ranges = make([]addressRange, len(starts))
	a.starts4 = nil
	for i, start := range starts {
		a.ranges[i].start = start
		if start.Is4() {
			a.starts4 = append(a.starts4, number4(start))
		}
	}
}

// rangeOf finds the range of an address; its IP version must be the cache's.
func (a *routeCache) rangeOf(dst netip.Addr) *addressRange {
	if dst.Is4() {
		return &a.ranges[lastNotAbove(a.starts4, number4(dst))]
	}
	i, found := slices.BinarySearchFunc(a.ranges, dst, func(r addressRange, dst netip.Addr) int {
		return r.start.Compare(dst)
	})
	if found {
		return &a.ranges[i]
	}
	return &a.ranges[i-1]
}

// lastNotAbove is the last place in sorted, which begins with 0, whose number
// is not above v.
func lastNotAbove(sorted []uint32, v uint32) int {
	low, high := 0, len(sorted)
	for high-low > 1 {
		middle := int(uint(low+high) / 2)
		if sorted[middle] <= v {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

func number4(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// prefix is a route's destination, whose address has the length of its family.
func prefix(ip, mask []byte) netip.Prefix {
	addr, _ := netip.AddrFromSlice(ip)
	if len(mask) == 4 {
		addr = addr.Unmap()
	}
	bits := 0
	for _, b := range mask {
		for ; b != 0; b <<= 1 {
			bits++
		}
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
