package craft

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// partialSum adds up b as big-endian 16-bit words, a last odd byte as if a
// zero followed it (RFC 1071 §1). Partial sums of pieces of even length add
// up to that of the whole; a uint64 holds those of any packet unfolded.
func partialSum(b []byte) uint64 {
	var sum uint64
	for ; len(b) >= 4; b = b[4:] {
		sum += uint64(binary.BigEndian.Uint32(b))
	}
	if len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

// pseudoSum is the partial sum of the pseudo-header of an upper-layer packet
// of n bytes: RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6. The two differ
// in nothing but the width of the addresses.
func pseudoSum(src, dst netip.Addr, protocol uint8, n int) uint64 {
	return addrSum(src) + addrSum(dst) + uint64(protocol) + uint64(n)
}

func addrSum(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return partialSum(b[:])
	}
	b := a.As16()
	return partialSum(b[:])
}

// fold reduces a partial sum to 16 bits with end-around carry. It yields zero
// only for zero.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum&0xffff)
}

// checksum returns the header field that completes a partial sum.
func checksum(sum uint64) uint16 { return ^fold(sum) }

// updateChecksum returns the checksum after one word of the data changes:
// RFC 1624 §3, equation 3. Unlike equation 2 it never turns a sum that should
// be 0x0000 into 0xffff.
func updateChecksum(sum, before, after uint16) uint16 {
	return checksum(uint64(^sum) + uint64(^before) + uint64(after))
}

// sum32 is the partial sum of v written at a byte offset from the start of
// the summed data: at an odd offset the bytes of each word trade places
// (RFC 1071 §2B).
func sum32(v uint32, offset int) uint64 {
	if offset%2 == 0 {
		return uint64(v)
	}
	return uint64(bits.ReverseBytes16(uint16(v>>16))) + uint64(bits.ReverseBytes16(uint16(v)))
}
