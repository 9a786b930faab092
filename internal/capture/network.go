package capture

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Network tells in which of several networks a packet was: the VLANs, labels and
// tunnels around it, the outermost first. Packets with the same addresses and
// ports in two of them are of two connections, though the two directions of a
// connection may have different tags. The zero Network has none.
type Network struct {
	tags  [mostTags]tag
	count uint8
	// ID is a number that tells networks apart, but for chance; 0 is none.
	ID uint32
}

// mostTags is how many are kept to be named; all count for the ID.
const mostTags = 4

// tag is one layer around a packet.
type tag struct {
	kind tagKind
	id   uint32
}

type tagKind uint8

const (
	tagVLAN tagKind = iota + 1
	tagService
	tagMPLS
	tagPPPoE
	tagVXLAN
	tagGeneve
	tagGTP
	tagGRE // with a key
	tagTunnel
	tagIPIP
	tagEtherIP
	tagL2TP
)

// tagNames are the layers in a word, and whether a number follows that means
// something to a person.
var tagNames = map[tagKind]struct {
	word   string
	number bool
}{
	tagVLAN: {"vlan", true}, tagService: {"i-sid", true}, tagMPLS: {"mpls", true}, tagPPPoE: {"pppoe", true},
	tagVXLAN: {"vxlan", true}, tagGeneve: {"geneve", true}, tagGTP: {"gtp", true}, tagGRE: {"gre key", true},
	tagTunnel: {"gre", false}, tagIPIP: {"ipip", false}, tagEtherIP: {"etherip", false}, tagL2TP: {"l2tp", false},
}

// String names the layers, as "vlan 5, vxlan 6"; "" none.
func (w *Network) String() string {
	var words []string
	for _, t := range w.tags[:w.count] {
		name := tagNames[t.kind]
		if words = append(words, name.word); name.number {
			words[len(words)-1] = fmt.Sprintf("%s %d", name.word, t.id)
		}
	}
	return strings.Join(words, ", ")
}

// add takes in the next layer.
func (w *Network) add(kind tagKind, id uint32) {
	if int(w.count) < len(w.tags) {
		w.tags[w.count] = tag{kind, id}
		w.count++
	}
	const prime = 16777619 // as in FNV-1a, a word at a time
	h := (w.ID^uint32(kind))*prime ^ id
	h = (h ^ h>>15) * 0x2c1b3c6d
	w.ID = max(1, h^h>>13)
}

// between takes in a tunnel that nothing names but its ends; both directions are
// one network.
func (w *Network) between(kind tagKind, outer []byte) {
	var ends uint32
	addresses := outer[12:20]
	if outer[0]>>4 == 6 {
		addresses = outer[8:40]
	}
	for ; len(addresses) > 0; addresses = addresses[4:] {
		word := binary.BigEndian.Uint32(addresses) * 0x9e3779b1
		ends += word ^ word>>16
	}
	w.add(kind, ends)
}

// carrier takes in a GRE tunnel, by its key where it has one (RFC 2890 §2.1).
func (w *Network) carrier(outer []byte, flags uint16, b []byte) {
	at := 4
	if flags&(greChecksum|greRouting) != 0 {
		at = 8
	}
	if flags&greKey == 0 || flags&greVersion != 0 || len(b) < at+4 {
		w.between(tagTunnel, outer)
		return
	}
	w.add(tagGRE, binary.BigEndian.Uint32(b[at:]))
}
