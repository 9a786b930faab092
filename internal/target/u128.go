package target

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// u128 is an address as a number.
type u128 struct{ hi, lo uint64 }

func (a u128) compare(b u128) int {
	return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
}

// add returns a+n modulo 2^128.
func (a u128) add(n uint64) u128 {
	lo, carry := bits.Add64(a.lo, n, 0)
	return u128{a.hi + carry, lo}
}

// sub returns a-b modulo 2^128.
func (a u128) sub(b u128) u128 {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return u128{hi, lo}
}

func (a u128) next() u128 { return a.add(1) }
func (a u128) prev() u128 { return a.sub(u128{lo: 1}) }

// pointOf returns the place of a in its space.
func pointOf(a netip.Addr) u128 {
	if a.Is4() {
		b := a.As4()
		return u128{lo: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return u128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func spaceOf(a netip.Addr) space { return space{a.Is4(), a.Zone()} }

// addr is the inverse of pointOf.
func (s *space) addr(p u128) netip.Addr {
	if s.v4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(p.lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], p.hi)
	binary.BigEndian.PutUint64(b[8:], p.lo)
	return netip.AddrFrom16(b).WithZone(s.zone)
}

// compare puts IPv4 before IPv6 and zones in the order of their names.
func (s space) compare(t space) int {
	if s.v4 != t.v4 {
		if s.v4 {
			return -1
		}
		return 1
	}
	return cmp.Compare(s.zone, t.zone)
}
