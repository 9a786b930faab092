// Package mutate changes IP packets as somebody would who wants to be believed, for
// tests: a reader of packets meets what it will meet on a network of strangers.
package mutate

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// Packet changes an IP packet: bits,
// fields, lengths, parts of another packet; then, mostly, with sums that are right
// again. b is overwritten.
func Packet(b, other []byte, chance *rand.Rand) []byte {
	for range 1 + chance.IntN(3) {
		b = mutations[chance.IntN(len(mutations))](b, other, chance)
	}
	if chance.IntN(8) > 0 {
		FixSums(b)
	}
	return b
}

type mutation = func(b, other []byte, chance *rand.Rand) []byte

var mutations = []mutation{
	flipBits, setByte, cut, extend, splice, changeNumber, changeNumber, changeFlags, changePorts, changeLengths,
	fragment, prepend, nothing,
}

func nothing(b, _ []byte, _ *rand.Rand) []byte { return b }

func flipBits(b, _ []byte, chance *rand.Rand) []byte {
	for range 1 + chance.IntN(4) {
		if len(b) > 0 {
			b[chance.IntN(len(b))] ^= 1 << chance.IntN(8)
		}
	}
	return b
}

func setByte(b, _ []byte, chance *rand.Rand) []byte {
	if len(b) > 0 {
		b[chance.IntN(len(b))] = []byte{0, 1, 4, 5, 6, 0x45, 0x60, 0x7f, 0x80, 0xff}[chance.IntN(10)]
	}
	return b
}

func cut(b, _ []byte, chance *rand.Rand) []byte { return b[:chance.IntN(len(b)+1)] }

func extend(b, _ []byte, chance *rand.Rand) []byte {
	for range chance.IntN(60) {
		b = append(b, byte(chance.Uint32()))
	}
	return b
}

func splice(b, other []byte, chance *rand.Rand) []byte {
	if len(other) == 0 || len(b) == 0 {
		return b
	}
	at := chance.IntN(min(len(b), len(other)))
	return append(b[:at], other[at:]...)
}

// Upper is where the layer above IP begins, 0 where that cannot be said.
func Upper(b []byte) int {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return int(b[0]&15) * 4
	case len(b) >= 40 && b[0]>>4 == 6:
		return 40
	}
	return 0
}

// changeNumber turns a sequence or an acknowledgment number into one near it, or
// anywhere.
func changeNumber(b, _ []byte, chance *rand.Rand) []byte {
	at := Upper(b) + 4 + 4*chance.IntN(2)
	if at < 24 || at+4 > len(b) {
		return b
	}
	n := binary.BigEndian.Uint32(b[at:])
	switch chance.IntN(4) {
	case 0:
		n++
	case 1:
		n--
	case 2:
		n = chance.Uint32()
	case 3:
		n ^= 1 << chance.IntN(32)
	}
	binary.BigEndian.PutUint32(b[at:], n)
	return b
}

func changeFlags(b, _ []byte, chance *rand.Rand) []byte {
	if at := Upper(b) + 13; at > 13 && at < len(b) {
		b[at] = []byte{0x02, 0x12, 0x13, 0x04, 0x14, 0x10, 0x11, 0x18, 0x00, 0xff, 0x52, 0x06}[chance.IntN(12)]
	}
	return b
}

func changePorts(b, _ []byte, chance *rand.Rand) []byte {
	if at := Upper(b) + 2*chance.IntN(2); at >= 20 && at+2 <= len(b) {
		binary.BigEndian.PutUint16(b[at:], binary.BigEndian.Uint16(b[at:])+uint16(chance.IntN(5))-2)
	}
	return b
}

// changeLengths lies about the length of the packet, its header or its options.
func changeLengths(b, _ []byte, chance *rand.Rand) []byte {
	if len(b) < 40 {
		return b
	}
	switch at := Upper(b); chance.IntN(4) {
	case 0:
		b[0] = b[0]&0xf0 | byte(chance.IntN(16))
	case 1:
		if at > 0 && at+12 < len(b) {
			b[at+12] = byte(chance.IntN(16)) << 4
		}
	case 2:
		binary.BigEndian.PutUint16(b[2+2*int(b[0]>>6&1):], uint16(chance.IntN(2*len(b))))
	case 3:
		if at > 0 && at+22 < len(b) {
			b[at+21] = byte(chance.Uint32())
		}
	}
	return b
}

func fragment(b, _ []byte, chance *rand.Rand) []byte {
	if len(b) >= 20 && b[0]>>4 == 4 {
		binary.BigEndian.PutUint16(b[6:], uint16([]int{0x2000, 1, 0x2001, 0x4000, 0x8000}[chance.IntN(5)]))
	}
	return b
}

// prepend puts an IPv6 extension header, or IPv4 options, before TCP.
func prepend(b, _ []byte, chance *rand.Rand) []byte {
	at := Upper(b)
	switch {
	case at == 40 && b[0]>>4 == 6:
		next := []byte{0, 43, 44, 51, 60}[chance.IntN(5)]
		header := []byte{b[6], 0, 1, 4, 0, 0, 0, 0}
		b[6] = next
		binary.BigEndian.PutUint16(b[4:], binary.BigEndian.Uint16(b[4:])+8)
		return append(append(append([]byte(nil), b[:40]...), header...), b[40:]...)
	case at == 20 && b[0]>>4 == 4:
		b[0]++
		binary.BigEndian.PutUint16(b[2:], binary.BigEndian.Uint16(b[2:])+4)
		return append(append(append([]byte(nil), b[:20]...), 1, 1, 1, 0), b[20:]...)
	}
	return b
}

// FixSums makes the sums of a packet right, as far as it can be understood.
func FixSums(b []byte) {
	start, end, protocol, pseudo := Layout(b)
	if b == nil || start == 0 {
		return
	}
	if b[0]>>4 == 4 {
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], ^Sum(b[:start], 0))
	}
	at := map[byte]int{6: 16, 1: 2, 58: 2}[protocol]
	if at == 0 || start+at+2 > end {
		return
	}
	b[start+at], b[start+at+1] = 0, 0
	binary.BigEndian.PutUint16(b[start+at:], ^Sum(b[start:end], pseudo))
}

// Layout is where the layer above IP begins and ends, what it is, and what its
// pseudo-header adds to the sum; extension headers are walked over.
func Layout(b []byte) (start, end int, protocol byte, pseudo uint32) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		start, end = int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
		if start < 20 || end < start || end > len(b) {
			return 0, 0, 0, 0
		}
		if protocol = b[9]; protocol == 6 {
			pseudo = add(b[12:20], 6+uint32(end-start))
		}
		return start, end, protocol, pseudo
	case len(b) >= 40 && b[0]>>4 == 6:
		start, end = 40, 40+int(binary.BigEndian.Uint16(b[4:]))
		if end > len(b) {
			return 0, 0, 0, 0
		}
		protocol = b[6]
		for range 8 {
			if start+8 > end || !slices.Contains([]byte{0, 43, 44, 51, 60, 135, 139, 140}, protocol) {
				break
			}
			if protocol == 44 && binary.BigEndian.Uint16(b[start+2:])&^7 != 0 { // a later fragment begins anywhere
				return 0, 0, 0, 0
			}
			protocol, start = b[start], start+extension(protocol, b[start+1])
		}
		if start > end {
			return 0, 0, 0, 0
		}
		return start, end, protocol, add(b[8:40], uint32(protocol)+uint32(end-start))
	}
	return 0, 0, 0, 0
}

// FirstFragment tells whether a packet is the first of several fragments: the sum of the
// layer above IP is that of them all.
func FirstFragment(b []byte) bool {
	if len(b) >= 20 && b[0]>>4 == 4 {
		return binary.BigEndian.Uint16(b[6:])&0x3fff == 0x2000
	}
	upper, _, _, _ := Layout(b)
	if upper == 0 {
		return false
	}
	for next, at := b[6], 40; at < upper; next, at = b[at], at+extension(next, b[at+1]) {
		if next == 44 && b[at+3]&1 != 0 {
			return true
		}
	}
	return false
}

// extension is how long an extension header is, by what it is and by its second byte.
func extension(what, length byte) int {
	switch what {
	case 44: // RFC 8200 §4.5
		return 8
	case 51: // RFC 4302 §2.2
		return 4 * (int(length) + 2)
	}
	return 8 * (int(length) + 1)
}

func add(b []byte, s uint32) uint32 {
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	return s
}

// Sum is the sum of RFC 1071 over b, begun with s, folded.
func Sum(b []byte, s uint32) uint16 {
	for s = add(b, s); s > 0xffff; {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}
