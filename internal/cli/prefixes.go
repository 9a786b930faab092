package cli

import "net/netip"

// span is a range of addresses of one family, both ends in it.
type span struct{ first, last netip.Addr }

// without is a prefix less a span, as the fewest prefixes.
func without(p netip.Prefix, s span) []netip.Prefix {
	p = p.Masked()
	switch first, last := p.Addr(), lastOf(p); {
	case first.BitLen() != s.first.BitLen(), s.last.Less(first), last.Less(s.first):
		return []netip.Prefix{p}
	case !first.Less(s.first) && !s.last.Less(last):
		return nil
	}
	low, high := halves(p)
	return append(without(low, s), without(high, s)...)
}

// halves are the two prefixes that make up one which is longer than an address.
func halves(p netip.Prefix) (low, high netip.Prefix) {
	bits := p.Bits() + 1
	return netip.PrefixFrom(p.Addr(), bits), netip.PrefixFrom(withBit(p.Addr(), bits-1), bits)
}

// withBit is an address with its n-th bit set, the highest being 0.
func withBit(a netip.Addr, n int) netip.Addr {
	b := a.AsSlice()
	b[n/8] |= 0x80 >> (n % 8)
	out, _ := netip.AddrFromSlice(b)
	return out
}

// lastOf is the last address of a masked prefix.
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Addr()
	for n := p.Bits(); n < a.BitLen(); n++ {
		a = withBit(a, n)
	}
	return a
}
