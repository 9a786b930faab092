package target

import (
	"cmp"
	"encoding/binary"
	"math"
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
	group map[string]uint32 // layer of several words
	used  []bool            // words that have an address left

	unused []claim // of words that stand for single addresses: those of which no port is left
}

// build draws the Set from the claims.
func (b *builder) build() (*Set, error) {
	b.sortSpaces()
	b.excludeInZones()
	return b.draw()
}

// draw sweeps over the claims.
func (b *builder) draw() (*Set, error) {
	s := &Set{spaces: b.spaces, spaceIDs: b.spaceIDs, words: b.words, ports: b.ports}
	s.ids, s.blocks = b.numbers(), b.room()
	l := &layers{words: b.words, ports: b.ports, group: map[string]uint32{}, used: make([]bool, len(b.words))}
	var end, drawn u128 // pairs so far, and the last of their addresses
	err := sweep(&b.claims, func(space uint32, first, last u128, active []uint32) error {
		active, reserved := b.asking(active)
		active = distinct(active)
		id := l.of(active)
		if id == nothing {
			l.noteUnused(space, first, last, active)
			return nil
		}
		start := end.lo
		var ok bool
		if end, ok = pairs(end, last.sub(first), len(l.portsAt(id))); !ok {
			return b.tooMany()
		}
		if !reserved {
			s.unreserved = addUp(s.unreserved, last.sub(first))
		}
		if n := len(s.blocks); n == 0 || s.blocks[n-1].space != space || s.blocks[n-1].layer != id || drawn.next() != first {
			s.blocks = append(s.blocks, block{first, start, space, id})
		}
		drawn = last
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.layers, s.last = l.list, end.prev().lo
	b.noteUnused(s, l)
	if len(s.blocks) == 0 {
		return s, b.emptyError()
	}
	s.guide = newGuide(s.blocks, s.last)
	s.warnings = append(s.warnings, s.notes()...)
	return s, nil
}

// numbers are those of all words.
func (b *builder) numbers() []uint32 {
	for i := len(b.ids); i < len(b.words); i++ {
		b.ids = append(b.ids, uint32(i))
	}
	return b.ids
}

// room is memory for the blocks of a Set, the same each time: of two that are
// drawn from the same claims only the latter is used.
func (b *builder) room() []block {
	b.blocks = slices.Grow(b.blocks[:0], len(b.claims.v4)+len(b.claims.rest))
	return b.blocks
}

// addUp adds extent+1 addresses, saturating.
func addUp(n uint64, extent u128) uint64 {
	sum, carry := bits.Add64(n, extent.lo, 1)
	if extent.hi > 0 || carry > 0 {
		return math.MaxUint64
	}
	return sum
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
	for i := range b.claims.rest {
		b.claims.rest[i].space = b.spaceIDs[old[b.claims.rest[i].space]]
	}
	b.claims.space = b.spaceIDs[space{v4: true}]
}

// excludeInZones makes exclusions without a zone count in every zone.
func (b *builder) excludeInZones() {
	for _, c := range b.claims.rest {
		if !b.words[c.word].exclude || b.spaces[c.space] != (space{}) {
			continue
		}
		for id, s := range b.spaces {
			if s.zone != "" {
				c.space = uint32(id)
				b.claims.rest = append(b.claims.rest, c)
			}
		}
	}
}

// distinct puts words in order, each once.
func distinct(words []uint32) []uint32 {
	if len(words) > 1 {
		slices.Sort(words)
		words = slices.Compact(words)
	}
	return words
}

// of returns the layer of addresses that exactly the active words claim.
func (l *layers) of(active []uint32) uint32 {
	if len(active) == 0 {
		return nothing
	}
	if len(active) == 1 {
		return l.alone(active[0])
	}
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

// noteUnused takes note of single addresses of which nothing is left.
func (l *layers) noteUnused(space uint32, first, last u128, active []uint32) {
	for _, w := range active {
		if l.words[w].each && !l.words[w].exclude {
			l.unused = append(l.unused, claim{first, last, space, w})
		}
	}
}

// alone is the layer of addresses that one word claims.
func (l *layers) alone(w uint32) uint32 {
	if l.words[w].exclude || l.ports[l.words[w].ports].Len() == 0 {
		return nothing
	}
	l.used[w] = true
	return w | alone
}

// portsAt are those of a layer.
func (l *layers) portsAt(id uint32) []uint16 {
	if id&alone == 0 {
		return l.list[id].ports
	}
	return l.ports[l.words[id&^alone].ports].list
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
	var set PortBits
	for _, w := range active {
		if !l.words[w].exclude {
			set.AddAll(l.ports[l.words[w].ports])
		}
	}
	for _, w := range active {
		if l.words[w].exclude {
			set.Remove(l.ports[l.words[w].ports])
		}
	}
	return set.Ports()
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
