package target

import (
	"cmp"
	"slices"
)

// sweep cuts the claims of all words, which overlap as they like, into disjoint
// ranges and hands them to emit in ascending order, each with the words that
// claim it. active is in no order and valid only during the call.
func sweep(claims []claim, emit func(space uint32, first, last u128, active []uint32) error) error {
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.space, b.space), a.first.compare(b.first))
	})
	var active []claim
	var ids []uint32
	var at u128
	for i := 0; i < len(claims) || len(active) > 0; at = at.next() {
		if len(active) == 0 {
			at = claims[i].first
			active = append(active, claims[i])
			i++
		}
		space := active[0].space
		for ; i < len(claims) && claims[i].space == space && claims[i].first == at; i++ {
			active = append(active, claims[i])
		}
		first := at
		at = nearestEnd(active)
		if i < len(claims) && claims[i].space == space && claims[i].first.compare(at) <= 0 {
			at = claims[i].first.prev()
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
