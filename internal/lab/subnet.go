//go:build linux

package lab

import (
	"fmt"
	"net/netip"
)

// Limits of the address plan.
const (
	maxHops    = 15
	maxLinks   = 1<<12 - 1
	maxSources = 100
)

// Places in a subnet, the same number in IPv4 and IPv6.
const (
	nearEnd = 1   // the end towards the prober
	farEnd  = 2   // the end towards the host
	sources = 101 // the first of the prober's further addresses
	absent  = 250 // nobody
)

// subnet is one link's pair of prefixes.
type subnet struct{ v4, v6 netip.Prefix }

// newSubnet numbers the link that is hop steps (from 0) away on the way through
// the prober's interface with this index. An index is never used twice in a
// namespace's life, so labs that exist at the same time do not collide:
//
//	10.hhhhnnnn.nnnnnnnn.0/24 and fd53:796e:7363:hnnn::/64
func newSubnet(index, hop int) (subnet, error) {
	if index > maxLinks || hop >= maxHops {
		return subnet{}, fmt.Errorf("no addresses left: interface %d of %d, hop %d of %d", index, maxLinks, hop, maxHops)
	}
	hi, lo := byte(hop<<4|index>>8), byte(index)
	return subnet{
		v4: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, hi, lo}), 24),
		v6: netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0x53, 0x79, 0x6e, 0x73, 0x63, hi, lo}), 64),
	}, nil
}

// at4 is the subnet's IPv4 address with this last byte.
func (s subnet) at4(place byte) netip.Addr {
	b := s.v4.Addr().As4()
	b[3] = place
	return netip.AddrFrom4(b)
}

// at6 is the subnet's IPv6 address with this last byte.
func (s subnet) at6(place byte) netip.Addr {
	b := s.v6.Addr().As16()
	b[15] = place
	return netip.AddrFrom16(b)
}

// prefixes lists the subnet's prefixes.
func (s subnet) prefixes() []netip.Prefix { return []netip.Prefix{s.v4, s.v6} }

// at is the address at a place, of the family of like.
func (s subnet) at(place byte, like netip.Addr) netip.Addr {
	if like.Is4() {
		return s.at4(place)
	}
	return s.at6(place)
}
