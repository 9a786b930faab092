package target

import "sort"

// A guide shortens the search for a pair's block: entry j is the block of pair
// j<<shift, so pair i lies between the entries of i>>shift and its successor.
// There are about as many entries as blocks; blocks of like size are found in
// constant time, any others in O(log blocks).
type guide struct {
	shift uint
	table []uint32
}

func newGuide(blocks []block, last uint64) guide {
	var g guide
	for last>>g.shift >= 2*uint64(len(blocks)) {
		g.shift++
	}
	g.table = make([]uint32, 0, last>>g.shift+1)
	at := 0
	for j := uint64(0); j <= last>>g.shift; j++ {
		for at+1 < len(blocks) && blocks[at+1].start <= j<<g.shift {
			at++
		}
		g.table = append(g.table, uint32(at))
	}
	return g
}

// find returns the index of the last block that starts at or before pair i.
func (g *guide) find(blocks []block, i uint64) int {
	j := i >> g.shift
	low, high := int(g.table[j]), len(blocks)-1
	if j+1 < uint64(len(g.table)) {
		high = int(g.table[j+1])
	}
	if low == high {
		return low
	}
	return low + sort.Search(high-low, func(k int) bool { return blocks[low+1+k].start > i })
}
