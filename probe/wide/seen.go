package wide

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/dchest/siphash"

	"synscope/probe/internal/wire"
)

// seen remembers which targets have answered, and how well, in a table of
// fixed size: buckets of eight 64-bit words, one cache line each. A word is a
// keyed hash of address and port, its low bits replaced by the rank of the
// answer. A new target pushes the oldest out of its bucket.
//
// So it errs in two ways. It forgets: an answer that comes again after about
// as many others as the table has words is taken for new. And it confuses: a
// new target is taken for a known one if all bits of the hash agree that are
// neither rank (3) nor the number of the bucket (b), with any of the bucket's
// words: with probability at most 8·2^-(61-b). At the full size, b = 19, that is
// 2^-39 for each answering target: among 200 million of them, 0.0004 ports are
// expected to be missed.
type seen struct {
	words  []uint64
	shift  uint // of a hash, down to the number of its bucket
	k0, k1 uint64
}

const (
	bucketSize = 8
	rankBits   = 3
	// maxSeen is the most targets to remember, at 8 bytes each: 32 MiB, or the
	// answers of 8 seconds at 500,000 a second.
	maxSeen = 1 << 22
	minSeen = 1 << 10
)

// newSeen makes a table for a run of that many targets: with room for four
// times as many, or of the full size.
func newSeen(targets uint64, c wire.Cookie) *seen {
	size := uint64(maxSeen)
	if targets < maxSeen/4 {
		size = max(minSeen, uint64(1)<<bits.Len64(targets*4))
	}
	return makeSeen(size, c)
}

// makeSeen makes a table of that many words, a power of two.
func makeSeen(size uint64, c wire.Cookie) *seen {
	words := make([]uint64, size)
	inHugePages(words)
	return &seen{
		words: words,
		shift: uint(64 - bits.Len64(size/bucketSize-1)),
		k0:    ^c.K0, k1: c.K1, // another function than the cookie's, under the same key
	}
}

// note remembers an answer of rank r, and returns the rank of the best answer
// of that target before: RankSilence where none is remembered.
func (s *seen) note(target netip.AddrPort, r wire.Rank) (before wire.Rank) {
	h := s.hash(target)
	bucket := s.words[h>>s.shift*bucketSize:][:bucketSize]
	for i, w := range bucket {
		if w != 0 && w>>rankBits == h>>rankBits {
			before = wire.Rank(w & (1<<rankBits - 1))
			bucket[i] = h&^(1<<rankBits-1) | uint64(max(r, before))
			return before
		}
	}
	copy(bucket[1:], bucket)
	bucket[0] = h&^(1<<rankBits-1) | uint64(r)
	return wire.RankSilence
}

// rank is that of the best answer of a target that is remembered.
func (s *seen) rank(target netip.AddrPort) wire.Rank {
	h := s.hash(target)
	for _, w := range s.words[h>>s.shift*bucketSize:][:bucketSize] {
		if w != 0 && w>>rankBits == h>>rankBits {
			return wire.Rank(w & (1<<rankBits - 1))
		}
	}
	return wire.RankSilence
}

func (s *seen) hash(target netip.AddrPort) uint64 {
	var buf [18]byte
	n := wire.PutAddr(buf[:], target.Addr())
	binary.BigEndian.PutUint16(buf[n:], target.Port())
	if zone := target.Addr().Zone(); zone != "" {
		return siphash.Hash(s.k0, s.k1, append(buf[:n+2:n+2], zone...))
	}
	return siphash.Hash(s.k0, s.k1, buf[:n+2])
}
