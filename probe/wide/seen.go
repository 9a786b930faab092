package wide

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"synscope/probe/internal/wire"
)

// seen remembers which targets have answered, and how well, in a table of
// fixed size: buckets of eight 64-bit words, one cache line each. A word is a
// keyed hash of address and port, its low bits replaced by the rank of the best
// answer and the highest attempt that was answered. A new target pushes the oldest
// out of its bucket.
//
// So it errs in two ways. It forgets: an answer that comes again after about
// as many others as the table has words is taken for new. And it confuses: a
// new target is taken for a known one if all bits of the hash agree that are
// neither rank (3), attempt (4) nor the number of the bucket (b), with any of the
// bucket's words: with probability at most 8·2^-(57-b). At the full size, b = 19,
// that is 2^-35 for each answering target: among 200 million of them, 0.006 ports
// are expected to be missed.
type seen struct {
	words  []uint64
	shift  uint // of a hash, down to the number of its bucket
	k0, k1 uint64
}

const (
	bucketSize = 8
	rankBits   = 3
	keptBits   = rankBits + 4 // of a word that are not of the hash
	// mostLatest is the highest attempt that is told from those after it.
	mostLatest = 1<<(keptBits-rankBits) - 2
	// maxSeen is the most targets to remember, at 8 bytes each: 32 MiB, or the
	// answers of 8 seconds at 500,000 a second.
	maxSeen = 1 << 22
	minSeen = 1 << 10
)

// roomy is how many words a target has where they are not too many: with half a target a
// bucket on the average, one bucket of 300 million overflows (Poisson). One that does
// forgets some of its targets in each pass, and they are listed again.
const roomy = 16

// newSeen makes a table for a run of that many targets: with room for many times as
// many, or of the full size.
func newSeen(targets uint64, c wire.Cookie) *seen {
	size := uint64(maxSeen)
	if targets < maxSeen/roomy {
		size = max(minSeen, uint64(1)<<bits.Len64(targets*roomy))
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

// memory is what is remembered of a target: the zero value for nothing.
type memory struct {
	rank   wire.Rank // of its best answer
	latest int       // the highest attempt that was answered, counted from 1
}

func memoryOf(word uint64) memory {
	return memory{wire.Rank(word & (1<<rankBits - 1)), int(word >> rankBits & (1<<(keptBits-rankBits) - 1))}
}

func (m memory) bits() uint64 { return uint64(m.latest)<<rankBits | uint64(m.rank) }

// attempt is the highest one that was answered, or like where that is not told from it.
func (m memory) attempt(like int) int {
	if m.latest == min(like, mostLatest)+1 {
		return like
	}
	return m.latest - 1
}

// add takes in an answer of rank r to an attempt, -1 for none.
func (m memory) add(r wire.Rank, attempt int) memory {
	return memory{max(m.rank, r), max(m.latest, min(attempt, mostLatest)+1)}
}

// note remembers an answer of rank r to an attempt, -1 for none of ours, and returns
// what was remembered of the target before.
func (s *seen) note(target netip.AddrPort, r wire.Rank, attempt int) (before memory) {
	h := s.hash(target)
	bucket := s.words[h>>s.shift*bucketSize:][:bucketSize]
	for i, w := range bucket {
		if w != 0 && w>>keptBits == h>>keptBits {
			before = memoryOf(w)
			bucket[i] = h&^(1<<keptBits-1) | before.add(r, attempt).bits()
			return before
		}
	}
	copy(bucket[1:], bucket)
	bucket[0] = h&^(1<<keptBits-1) | before.add(r, attempt).bits()
	return before
}

// rank is that of the best answer of a target that is remembered.
func (s *seen) rank(target netip.AddrPort) wire.Rank {
	h := s.hash(target)
	for _, w := range s.words[h>>s.shift*bucketSize:][:bucketSize] {
		if w != 0 && w>>keptBits == h>>keptBits {
			return memoryOf(w).rank
		}
	}
	return wire.RankSilence
}

func (s *seen) hash(target netip.AddrPort) uint64 {
	var buf [18]byte
	n := wire.PutAddr(buf[:], target.Addr())
	binary.BigEndian.PutUint16(buf[n:], target.Port())
	if zone := target.Addr().Zone(); zone != "" {
		return wire.SipHash(s.k0, s.k1, append(buf[:n+2:n+2], zone...))
	}
	return wire.SipHash(s.k0, s.k1, buf[:n+2])
}
