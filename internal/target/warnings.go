package target

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
)

// A special is a range at which a probe is seldom what the user meant.
type special struct {
	first, last string
	code        string
	why         string
}

// noTCP ends the sentence about addresses no TCP may answer for.
const noTCP = "; TCP ignores a SYN sent there (RFC 9293 §3.9.2.3)"

var specials = []special{
	{"0.0.0.0", "0.255.255.255", WarnUnusualAddress, `addresses of "this network" (RFC 1122 §3.2.1.3)`},
	{"224.0.0.0", "239.255.255.255", WarnUnusualAddress, "multicast addresses (RFC 5771)" + noTCP},
	{"240.0.0.0", "255.255.255.254", WarnUnusualAddress, "reserved addresses (RFC 1112 §4)"},
	{"255.255.255.255", "255.255.255.255", WarnUnusualAddress, "the broadcast address (RFC 919 §7)" + noTCP},
	{"::", "::", WarnUnusualAddress, "the unspecified address (RFC 4291 §2.5.2)"},
	{"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", WarnNoZone, "link-local addresses without a zone; write ADDRESS%INTERFACE"},
	{"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", WarnUnusualAddress, "multicast addresses (RFC 4291 §2.7)" + noTCP},
}

// notes returns the warnings about what the set holds.
func (s *Set) notes() []Warning {
	var list []Warning
	for _, sp := range specials {
		if a, ok := s.firstWithin(netip.MustParseAddr(sp.first), netip.MustParseAddr(sp.last), sp.code == WarnNoZone); ok {
			word := s.Name(a)
			list = append(list, Warning{Code: sp.code, Word: word, Text: fmt.Sprintf("target %q includes %s", word, sp.why)})
		}
	}
	for i := range s.blocks {
		if l := s.layerOf(s.blocks[i].layer); l.ports[0] == 0 {
			word := s.words[l.words[0]].textAt(s.firstOf(i))
			return append(list, Warning{Code: WarnPortZero, Word: word,
				Text: fmt.Sprintf("port 0 of target %q is probed; no service can listen there", word)})
		}
	}
	return list
}

// firstWithin returns the lowest address of the set from first to last, in any
// zone or only in none.
func (s *Set) firstWithin(first, last netip.Addr, zoneless bool) (netip.Addr, bool) {
	for id, sp := range s.spaces {
		if sp.v4 != first.Is4() || zoneless && sp.zone != "" {
			continue
		}
		if p, ok := s.firstFrom(uint32(id), pointOf(first)); ok && p.compare(pointOf(last)) <= 0 {
			return sp.addr(p), true
		}
	}
	return netip.Addr{}, false
}

// firstFrom returns the lowest address of a space that is not below p.
func (s *Set) firstFrom(space uint32, p u128) (u128, bool) {
	at := sort.Search(len(s.blocks), func(i int) bool { return s.blocks[i].compare(space, p) > 0 })
	if at > 0 && s.blocks[at-1].space == space {
		if s.blocks[at-1].first.add(s.offsetOfLast(at-1)).compare(p) >= 0 {
			return p, true
		}
	}
	if at == len(s.blocks) || s.blocks[at].space != space {
		return u128{}, false
	}
	return s.blocks[at].first, true
}

// firstOf is the first address of a block.
func (s *Set) firstOf(at int) netip.Addr {
	b := &s.blocks[at]
	return s.spaces[b.space].addr(b.first)
}

// noteUnused warns of target words that exclusions left without a probe.
func (b *builder) noteUnused(s *Set, l *layers) {
	s.warnings, s.absent = slices.Clone(b.warnings), b.absent
	for i := range b.words {
		if w := &b.words[i]; !l.used[i] && !w.exclude && !w.each && w.size > 0 {
			s.warnings = append(s.warnings, unused(w.text))
		}
	}
	for _, u := range l.unused {
		for a := u.first; ; a = a.next() {
			s.warnings = append(s.warnings, unused(b.words[u.word].textAt(s.spaces[u.space].addr(a))))
			if a == u.last {
				break
			}
		}
	}
}

func unused(word string) Warning {
	return Warning{Code: WarnExcluded, Word: word, Text: fmt.Sprintf("exclusions leave nothing of target %q", word)}
}
