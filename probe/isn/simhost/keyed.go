package simhost

import (
	"encoding/binary"
	"math/bits"
)

// Key is a host's secret.
type Key [2]uint64

// hash is a keyed function for models: the SipHash round (Aumasson and
// Bernstein 2012) over words. It need not resist anybody, only scatter.
func (k Key) hash(words ...uint64) uint32 {
	v := [4]uint64{k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d, k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573}
	for _, w := range words {
		v[3] ^= w
		sipRound(&v)
		sipRound(&v)
		v[0] ^= w
	}
	v[2] ^= 0xff
	for range 4 {
		sipRound(&v)
	}
	h := v[0] ^ v[1] ^ v[2] ^ v[3]
	return uint32(h) ^ uint32(h>>32)
}

// sipRound is one round.
func sipRound(v *[4]uint64) {
	v[0] += v[1]
	v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
	v[0] = bits.RotateLeft64(v[0], 32)
	v[2] += v[3]
	v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
	v[0] += v[3]
	v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
	v[2] += v[1]
	v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
	v[2] = bits.RotateLeft64(v[2], 32)
}

// tuple is the part of the four-tuple that varies, as words to hash.
func (s SYN) tuple() []uint64 {
	a := s.Src.Addr().As16()
	return []uint64{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:]), uint64(s.Src.Port())}
}
