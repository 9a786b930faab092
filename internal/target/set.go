package target

import (
	"cmp"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"sort"
)

// A Set is what a run probes: pairs of address and port, each exactly once,
// numbered from 0 in ascending order of family, zone, address and port. It holds
// ranges, never the pairs themselves, and is immutable, so any number of
// goroutines may use it.
type Set struct {
	spaces   []space
	spaceIDs map[space]uint32
	blocks   []block // ascending by space and first
	guide    guide
	layers   []layer
	words    []word
	ids      []uint32 // 0, 1, … for each word: see layerOf
	ports    []Ports  // own ports of words
	last     uint64   // the highest number; of meaning where blocks is not empty
	warnings []Warning
	absent   []Unresolved

	leftOut, unreserved uint64
}

// A space is a line of addresses on which ranges can be drawn: IPv4, or IPv6 in
// one zone.
type space struct {
	v4   bool
	zone string
}

// A block is a range of addresses that are all probed at the same ports for the
// same words. It ends where the number of its last pair says.
type block struct {
	first u128
	start uint64 // the number of its first pair
	space uint32
	layer uint32
}

// A layer is what the blocks of equal treatment share.
type layer struct {
	ports []uint16
	words []uint32 // that asked, the narrowest and then the earliest first
}

// A word is what the user typed for some addresses, or what follows each of many, see plain.go.
type word struct {
	text    string
	size    uint64 // addresses it covers, saturating
	ports   uint32 // index into builder.ports
	exclude bool
	wide    bool // lies not wholly in Options.Reserved
	each    bool // stands for single addresses, each of which is typed with the text after it
}

// alone marks the layer of a word that no other overlaps; the rest is its number.
const alone = 1 << 31

// layerOf is the layer with that number. Lists of millions of addresses have as
// many layers of one word, which are made up when they are needed.
func (s *Set) layerOf(id uint32) layer {
	if id&alone == 0 {
		return s.layers[id]
	}
	w := id &^ alone
	return layer{s.ports[s.words[w].ports].list, s.ids[w : w+1]}
}

// Count returns the number of probes. Exactly 2^64, the most a Set can hold,
// is reported as 2^64-1.
func (s *Set) Count() uint64 {
	if len(s.blocks) == 0 {
		return 0
	}
	if s.last == math.MaxUint64 {
		return s.last
	}
	return s.last + 1
}

// Addresses returns the number of different addresses, saturating like Count.
func (s *Set) Addresses() uint64 {
	var sum, carry uint64
	for i := range s.blocks {
		sum, carry = bits.Add64(sum, s.offsetOfLast(i), 0)
		if carry != 0 || sum == math.MaxUint64 {
			return math.MaxUint64
		}
		sum++
	}
	return sum
}

// LeftOut returns how many addresses Options.Reserved left out.
func (s *Set) LeftOut() uint64 { return s.leftOut }

// Unreserved returns how many addresses lie outside of Options.Reserved, where
// there are more than Options.ReserveAbove in all; saturating like Count.
func (s *Set) Unreserved() uint64 { return s.unreserved }

// Warnings returns what the user should be told, in the order it was noticed.
func (s *Set) Warnings() []Warning { return slices.Clone(s.warnings) }

// Unresolved is a name that was skipped under Options.SkipBad since it did not
// resolve, and the ports that it would be probed at.
type Unresolved struct {
	Word  string // as typed
	Name  string // without a port
	Ports []uint16
}

// Unresolved returns the names that did not resolve.
func (s *Set) Unresolved() []Unresolved { return s.absent }

// At returns pair number i. It panics unless i names one.
func (s *Set) At(i uint64) netip.AddrPort {
	if len(s.blocks) == 0 || i > s.last {
		panic("target: pair number out of range")
	}
	b := &s.blocks[s.guide.find(s.blocks, i)]
	ports := s.layerOf(b.layer).ports
	offset, port := i-b.start, uint64(0)
	if n := uint64(len(ports)); n > 1 { // divisions are dear
		offset, port = offset/n, offset%n
	}
	address := s.spaces[b.space].addr(b.first.add(offset))
	return netip.AddrPortFrom(address, ports[port])
}

// Index is the inverse of At. ok is false where the pair is not in the set.
func (s *Set) Index(pair netip.AddrPort) (i uint64, ok bool) {
	at, offset, ok := s.find(pair.Addr())
	if !ok {
		return 0, false
	}
	b := &s.blocks[at]
	ports := Ports{s.layerOf(b.layer).ports}
	port, ok := ports.index(pair.Port())
	return b.start + offset*uint64(ports.Len()) + uint64(port), ok
}

// Name returns what the user typed for an address: the word that covers the
// fewest addresses, among those the one typed first, as far as that is kept (see plain.go). An address that is not in
// the set is its own name.
func (s *Set) Name(a netip.Addr) string {
	at, _, ok := s.find(a)
	if !ok {
		return a.String()
	}
	return s.words[s.layerOf(s.blocks[at].layer).words[0]].textAt(a)
}

// Word is Name for a pair: only words that ask for its port count, so that the
// pairs of host:80 and host:443 each have the name they were typed under.
func (s *Set) Word(pair netip.AddrPort) string {
	if at, _, ok := s.find(pair.Addr()); ok {
		words := s.layerOf(s.blocks[at].layer).words
		if len(words) == 1 { // whose name it is anyhow
			return s.words[words[0]].textAt(pair.Addr())
		}
		for _, id := range words {
			if s.ports[s.words[id].ports].Contains(pair.Port()) {
				return s.words[id].textAt(pair.Addr())
			}
		}
	}
	return s.Name(pair.Addr())
}

// find returns the block that holds a, and a's distance from the block's first
// address.
func (s *Set) find(a netip.Addr) (at int, offset uint64, ok bool) {
	id, ok := s.spaceOf(a)
	if !ok {
		return 0, 0, false
	}
	p := pointOf(a)
	at = sort.Search(len(s.blocks), func(i int) bool {
		return s.blocks[i].compare(id, p) > 0
	}) - 1
	if at < 0 || s.blocks[at].space != id {
		return 0, 0, false
	}
	d := p.sub(s.blocks[at].first)
	return at, d.lo, d.hi == 0 && d.lo <= s.offsetOfLast(at)
}

// spaceOf is the number of the space that an address is in, which mostly is the first.
func (s *Set) spaceOf(a netip.Addr) (id uint32, ok bool) {
	if len(s.spaces) > 0 && s.spaces[0] == spaceOf(a) {
		return 0, true
	}
	id, ok = s.spaceIDs[spaceOf(a)]
	return id, ok
}

func (b *block) compare(space uint32, p u128) int {
	return cmp.Or(cmp.Compare(b.space, space), b.first.compare(p))
}

// offsetOfLast returns the distance of block i's last address from its first.
func (s *Set) offsetOfLast(i int) uint64 {
	b := &s.blocks[i]
	end := s.last
	if i+1 < len(s.blocks) {
		end = s.blocks[i+1].start - 1
	}
	return (end - b.start) / uint64(len(s.layerOf(b.layer).ports))
}
