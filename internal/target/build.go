package target

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// nothing is the layer of addresses at which no port is left to probe.
const nothing = ^uint32(0)

// layers interns what sets of words make of an address.
type layers struct {
	words []word
	ports []Ports
	list  []layer
	solo  []uint32          // layer+1 of a word alone
	group map[string]uint32 // layer of several words
	used  []bool            // words that have an address left
}

// build draws the Set from the claims.
func (b *builder) build() (*Set, error) {
	b.sortSpaces()
	b.excludeInZones()
	s := &Set{spaces: b.spaces, spaceIDs: b.spaceIDs, words: b.words, ports: b.ports}
	l := &layers{words: b.words, ports: b.ports, group: map[string]uint32{},
		solo: make([]uint32, len(b.words)), used: make([]bool, len(b.words))}
	var end u128 // pairs so far
	err := sweep(b.claims, func(space uint32, first, last u128, active []uint32) error {
		id := l.of(active)
		if id == nothing {
			return nil
		}
		start := end.lo
		var ok bool
		if end, ok = pairs(end, last.sub(first), len(l.list[id].ports)); !ok {
			return b.tooMany()
		}
		s.blocks = append(s.blocks, block{first, start, space, id})
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.layers, s.last = l.list, end.prev().lo
	b.noteUnused(l.used)
	s.warnings = append(b.warnings, s.notes()...)
	if len(s.blocks) == 0 {
		return s, b.emptyError()
	}
	s.guide = newGuide(s.blocks, s.last)
	return s, nil
}

// pairs adds (extent+1)·ports to end; ok is false where that passes 2^64.
func pairs(end, extent u128, ports int) (sum u128, ok bool) {
	hi, lo := bits.Mul64(extent.lo, uint64(ports))
	if extent.hi > 0 || hi > 0 {
		return end, false
	}
	sum = end.add(lo).add(uint64(ports))
	return sum, sum.compare(u128{hi: 1}) <= 0
}

// sortSpaces numbers the spaces in their order, so that claims sort by number.
func (b *builder) sortSpaces() {
	old := slices.Clone(b.spaces)
	slices.SortFunc(b.spaces, space.compare)
	for id, s := range b.spaces {
		b.spaceIDs[s] = uint32(id)
	}
	for i := range b.claims {
		b.claims[i].space = b.spaceIDs[old[b.claims[i].space]]
	}
}

// excludeInZones makes exclusions without a zone count in every zone.
func (b *builder) excludeInZones() {
	for _, c := range b.claims {
		if !b.words[c.word].exclude || b.spaces[c.space] != (space{}) {
			continue
		}
		for id, s := range b.spaces {
			if s.zone != "" {
				c.space = uint32(id)
				b.claims = append(b.claims, c)
			}
		}
	}
}

// of returns the layer of addresses that exactly the active words claim.
func (l *layers) of(active []uint32) uint32 {
	if len(active) == 1 {
		w := active[0]
		if l.solo[w] == 0 {
			l.solo[w] = l.make(active) + 1
		}
		return l.solo[w] - 1
	}
	slices.Sort(active)
	active = slices.Compact(active)
	key := make([]byte, 0, 4*len(active))
	for _, w := range active {
		key = binary.BigEndian.AppendUint32(key, w)
	}
	id, ok := l.group[string(key)]
	if !ok {
		id = l.make(active)
		l.group[string(key)] = id
	}
	return id
}

func (l *layers) make(active []uint32) uint32 {
	ports := l.portsOf(active)
	if ports.Len() == 0 {
		return nothing
	}
	words := slices.DeleteFunc(slices.Clone(active), func(w uint32) bool { return l.words[w].exclude })
	for _, w := range words {
		l.used[w] = true
	}
	slices.SortStableFunc(words, func(v, w uint32) int { return cmp.Compare(l.words[v].size, l.words[w].size) })
	l.list = append(l.list, layer{ports.list, words})
	return uint32(len(l.list) - 1)
}

// portsOf unites the ports of the words that ask and takes away those of the
// words that exclude.
func (l *layers) portsOf(active []uint32) Ports {
	if ports, ok := l.sharedPorts(active); ok {
		return ports
	}
	var set portBits
	for _, w := range active {
		if !l.words[w].exclude {
			set.add(l.ports[l.words[w].ports])
		}
	}
	for _, w := range active {
		if l.words[w].exclude {
			set.remove(l.ports[l.words[w].ports])
		}
	}
	return set.ports()
}

// sharedPorts answers portsOf where that takes no set arithmetic: an exclusion of
// all ports, or words that all ask for the same.
func (l *layers) sharedPorts(active []uint32) (Ports, bool) {
	same := true
	for _, w := range active {
		if l.words[w].exclude && l.words[w].ports == allPorts {
			return Ports{}, true
		}
		same = same && !l.words[w].exclude && l.words[w].ports == l.words[active[0]].ports
	}
	return l.ports[l.words[active[0]].ports], same
}
