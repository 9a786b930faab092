package target

import (
	"fmt"

	"go4.org/netipx"
)

// reservation stands for Options.Reserved among the words of a claim.
const reservation = nothing

// reserve takes in what is to be left out of wide words.
func (b *builder) reserve() (err error) {
	if len(b.opts.Reserved) == 0 {
		return nil
	}
	var set netipx.IPSetBuilder
	for _, p := range b.opts.Reserved {
		set.AddPrefix(p)
	}
	if b.reserved, err = set.IPSet(); err != nil {
		return fmt.Errorf("reserved ranges: %w", err)
	}
	return nil
}

// isReserved tells whether all of a range is reserved.
func (b *builder) isReserved(s span) bool {
	return b.reserved != nil && b.reserved.ContainsRange(netipx.IPRangeFrom(s.first.WithZone(""), s.last.WithZone("")))
}

// buildUnreserved draws the Set again, without what is reserved: a claim by
// reservation in every space.
func (b *builder) buildUnreserved(before uint64) (*Set, error) {
	for _, r := range b.reserved.Ranges() {
		for id, sp := range b.spaces {
			if sp.v4 == r.From().Is4() {
				b.claims.add(span{r.From(), r.To()}, uint32(id), reservation)
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
