package target

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
)

// Hosts walks every address of the set once, in ascending order.
func (s *Set) Hosts() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for i := range s.blocks {
			b := &s.blocks[i]
			for n, last := uint64(0), s.offsetOfLast(i); ; n++ {
				if !yield(s.spaces[b.space].addr(b.first.add(n))) {
					return
				}
				if n == last {
					break
				}
			}
		}
	}
}

// Pairs walks the pairs of one address, in ascending order; there are none of an
// address that is not in the set.
func (s *Set) Pairs(a netip.Addr) iter.Seq[netip.AddrPort] {
	return func(yield func(netip.AddrPort) bool) {
		at, _, ok := s.find(a)
		if !ok {
			return
		}
		for _, port := range s.layerOf(s.blocks[at].layer).ports {
			if !yield(netip.AddrPortFrom(a, port)) {
				return
			}
		}
	}
}

// Narrow returns the part of the set that lies at some addresses, under the same
// names; addresses that are not in the set are ignored.
func (s *Set) Narrow(to []netip.Addr) *Set {
	n := &Set{spaces: s.spaces, spaceIDs: s.spaceIDs, layers: s.layers, words: s.words, ids: s.ids, ports: s.ports}
	var end uint64 // pairs so far
	for _, p := range s.places(to) {
		layer := s.blocks[p.block].layer
		if !n.continues(p, layer) {
			n.blocks = append(n.blocks, block{p.at, end, p.space, layer})
		}
		end += uint64(len(s.layerOf(layer).ports))
		n.last = end - 1
	}
	if len(n.blocks) > 0 {
		n.guide = newGuide(n.blocks, n.last)
	}
	return n
}

// place is where an address lies in a set.
type place struct {
	space uint32
	at    u128
	block int
}

// places are those of some addresses, each once, in ascending order.
func (s *Set) places(addrs []netip.Addr) (list []place) {
	for _, a := range addrs {
		if at, _, ok := s.find(a); ok {
			list = append(list, place{s.spaceIDs[spaceOf(a)], pointOf(a), at})
		}
	}
	slices.SortFunc(list, func(p, q place) int { return cmp.Or(cmp.Compare(p.space, q.space), p.at.compare(q.at)) })
	return slices.Compact(list)
}

// continues tells whether a place comes right after the last address of a set
// under construction, and is treated alike.
func (s *Set) continues(p place, layer uint32) bool {
	if len(s.blocks) == 0 {
		return false
	}
	b := &s.blocks[len(s.blocks)-1]
	next := b.first.add(s.offsetOfLast(len(s.blocks) - 1)).next()
	return b.space == p.space && b.layer == layer && next == p.at
}
