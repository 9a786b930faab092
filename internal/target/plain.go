package target

import "net/netip"

// manyWords is from how many words on single addresses are kept without their words: of lists of
// millions that is most of what they take. Of fewer it is kept which was typed first.
const manyWords = 1 << 12

// A plain word is one address, written as it is printed, and ports or none: so the word need not
// be kept, and those with the same ports are one word to the rest of this package, see word.each.
type plain struct {
	ports   string // as typed, "" without
	exclude bool
}

// addPlain takes in a plain word where there are many, and tells whether it has.
func (b *builder) addPlain(text string, from source) bool {
	if len(b.words) < b.plainFrom {
		return false
	}
	a, ports, ok := parsePlain(text)
	exclude := from.what == asExclusion
	if !ok || !exclude && !b.opts.Family.accepts(a) {
		return false
	}
	id, ok := b.plainID(plain{ports, exclude}, from)
	if ok {
		b.claims.add(span{a, a}, b.spaceID(spaceOf(a)), id)
	}
	return ok
}

// parsePlain reads a plain word.
func parsePlain(text string) (a netip.Addr, ports string, ok bool) {
	host, ports, err := splitPorts(text)
	if err != nil {
		return a, "", false
	}
	a, err = netip.ParseAddr(host)
	switch {
	case err != nil || a.Zone() != "" || a.Is4In6():
		return a, "", false
	case a.Is4(): // which there is one way to write
		return a, ports, true
	}
	return a, ports, plainText(a, portsAfter(ports)) == text
}

// plainID is the word that stands for those with the same ports.
func (b *builder) plainID(p plain, from source) (id uint32, ok bool) {
	if id, ok = b.plain[p]; ok {
		return id, true
	}
	ports, err := b.portID(p.ports, from)
	if err != nil {
		return 0, false
	}
	id = uint32(len(b.words))
	b.words = append(b.words, word{text: portsAfter(p.ports), size: 1, ports: ports, exclude: p.exclude, each: true})
	b.plain[p] = id
	return id, true
}

// portsAfter is what follows an address in a word with these ports.
func portsAfter(ports string) string {
	if ports == "" {
		return ""
	}
	return ":" + ports
}

// plainText is a plain word as it was typed.
func plainText(a netip.Addr, after string) string {
	if after != "" && a.Is6() {
		return "[" + a.String() + "]" + after
	}
	return a.String() + after
}

// textAt is what the user typed for an address of the word.
func (w *word) textAt(a netip.Addr) string {
	if w.each {
		return plainText(a, w.text)
	}
	return w.text
}
