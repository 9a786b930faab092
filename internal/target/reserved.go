package target

import (
	"net/netip"
	"slices"
)

// reservation stands for Options.Reserved among the words of a claim.
const reservation = nothing

// reserve takes in what is to be left out of wide words: ranges in ascending
// order, none of which touches the next.
func (b *builder) reserve() {
	for _, p := range b.opts.Reserved {
		p = p.Masked()
		b.reserved = append(b.reserved, span{p.Addr(), LastOf(p)})
	}
	slices.SortFunc(b.reserved, func(a, b span) int { return a.first.Compare(b.first) })
	merged := b.reserved[:0]
	for _, s := range b.reserved {
		if n := len(merged); n > 0 && !merged[n-1].last.Less(s.first) || n > 0 && merged[n-1].last.Next() == s.first {
			if merged[n-1].last.Less(s.last) {
				merged[n-1].last = s.last
			}
			continue
		}
		merged = append(merged, s)
	}
	b.reserved = merged
}

// LastOf is the last address of a prefix.
func LastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for n := p.Bits(); n < len(bytes)*8; n++ {
		bytes[n/8] |= 0x80 >> (n % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// isReserved tells whether all of a range is reserved.
func (b *builder) isReserved(s span) bool {
	first, last := s.first.WithZone(""), s.last.WithZone("")
	return slices.ContainsFunc(b.reserved, func(r span) bool {
		return first.BitLen() == r.first.BitLen() && !first.Less(r.first) && !r.last.Less(last)
	})
}

// buildUnreserved draws the Set again, without what is reserved: a claim by
// reservation in every space.
func (b *builder) buildUnreserved(before uint64) (*Set, error) {
	for _, r := range b.reserved {
		for id, sp := range b.spaces {
			if sp.v4 == r.first.Is4() {
				b.claims.add(r, uint32(id), reservation)
			}
		}
	}
	s, err := b.draw()
	if s != nil {
		s.leftOut = before - s.Addresses()
	}
	return s, err
}

// asking takes the reservation out of the words that claim a range, and with it
// the words that only include the range. It tells whether there was one.
func (b *builder) asking(active []uint32) (words []uint32, reserved bool) {
	for _, w := range active {
		reserved = reserved || w == reservation
	}
	if !reserved {
		return active, false
	}
	words = active[:0]
	for _, w := range active {
		if w != reservation && (b.words[w].exclude || !b.words[w].wide) {
			words = append(words, w)
		}
	}
	return words, true
}
