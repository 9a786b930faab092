package target

import (
	"cmp"
	"slices"
)

// A claim is a word's asking, or refusing, one range of addresses.
type claim struct {
	first, last u128
	space       uint32
	word        uint32
}

// claims are those of all words. Claims on IPv4, of which there may be millions,
// are kept in a form of their own.
type claims struct {
	v4    []claim4
	rest  []claim
	space uint32 // of IPv4
	at    [2]int // how far pop has come
}

type claim4 struct{ first, last, word uint32 }

func (c *claims) add(s span, space, word uint32) {
	first, last := pointOf(s.first), pointOf(s.last)
	if s.first.Is4() {
		c.space = space
		c.v4 = append(c.v4, claim4{uint32(first.lo), uint32(last.lo), word})
		return
	}
	c.rest = append(c.rest, claim{first, last, space, word})
}

// sort puts the claims into ascending order of space and first, for peek and pop.
func (c *claims) sort() {
	slices.SortFunc(c.v4, func(a, b claim4) int { return cmp.Compare(a.first, b.first) })
	slices.SortFunc(c.rest, func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.space, b.space), a.first.compare(b.first))
	})
	c.at = [2]int{}
}

// peek returns the lowest claim that was not popped; IPv4 comes first.
func (c *claims) peek() (claim, bool) {
	if i := c.at[0]; i < len(c.v4) {
		return claim{u128{lo: uint64(c.v4[i].first)}, u128{lo: uint64(c.v4[i].last)}, c.space, c.v4[i].word}, true
	}
	if i := c.at[1]; i < len(c.rest) {
		return c.rest[i], true
	}
	return claim{}, false
}

func (c *claims) pop() {
	if c.at[0] < len(c.v4) {
		c.at[0]++
		return
	}
	c.at[1]++
}

// sweep cuts the claims of all words, which overlap as they like, into disjoint
// ranges and hands them to emit in ascending order, each with the words that
// claim it. active is in no order and valid only during the call.
func sweep(all *claims, emit func(space uint32, first, last u128, active []uint32) error) error {
	all.sort()
	var active []claim
	var ids []uint32
	var at u128
	next, more := all.peek()
	take := func() {
		active = append(active, next)
		all.pop()
		next, more = all.peek()
	}
	for ; more || len(active) > 0; at = at.next() {
		if len(active) == 0 {
			at = next.first
			take()
		}
		space := active[0].space
		for more && next.space == space && next.first == at {
			take()
		}
		first := at
		at = nearestEnd(active)
		if more && next.space == space && next.first.compare(at) <= 0 {
			at = next.first.prev()
		}
		ids = ids[:0]
		for _, c := range active {
			ids = append(ids, c.word)
		}
		if err := emit(space, first, at, ids); err != nil {
			return err
		}
		active = slices.DeleteFunc(active, func(c claim) bool { return c.last == at })
	}
	return nil
}

func nearestEnd(active []claim) u128 {
	end := active[0].last
	for _, c := range active[1:] {
		if c.last.compare(end) < 0 {
			end = c.last
		}
	}
	return end
}
