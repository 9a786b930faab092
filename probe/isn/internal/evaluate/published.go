package evaluate

import (
	"math/bits"
	"net/netip"
	"time"

	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Published is a generator whose best predictor is known: Bits is log2 of the guesses that
// cover half of what comes next, for somebody who samples from his own address.
type Published struct {
	GeneratorKind
	Bits float64
}

// milliseconds is a clock of 1 kHz.
func milliseconds(s simhost.SYN) uint32 { return uint32(s.At / time.Millisecond) }

// PublishedList are generators of stacks and libraries, as their sources, manuals or those who
// looked at them tell, and the simple predictors of each.
func PublishedList() (list []Published) {
	add := func(name string, bits float64, next func(h *state, s simhost.SYN) uint32, right ...isn.Class) {
		list = append(list, Published{kept(name, next, right...), bits})
	}
	clock, step, both, weak := isn.ClassGlobalClock, isn.ClassGlobalStep, isn.ClassGlobalMixed, isn.ClassWeakRandom
	add("Windows 95: milliseconds", 1, func(h *state, s simhost.SYN) uint32 { return h.x + milliseconds(s) }, clock)
	add("VMS: 1,280 in 10 ms, and 64,000", 4, func(h *state, s simhost.SYN) uint32 { h.n++; return h.x + milliseconds(s)/10*1280 + h.n*64000 }, both)
	add("Cisco IOS of old: 128,000 each half second, and one", 2, func(h *state, s simhost.SYN) uint32 { h.n++; return h.x + milliseconds(s)/500*128000 + h.n }, both, clock)
	add("FNET: 256 each half second, and 256", 1, func(h *state, s simhost.SYN) uint32 { h.n++; return milliseconds(s)/500*256 + h.n*256 }, both, step)
	add("Nut/OS: milliseconds by 256", 3, func(h *state, s simhost.SYN) uint32 { return milliseconds(s) << 8 }, clock)
	add("AIX: 125,000 each half second, and 64,000", 2, func(h *state, s simhost.SYN) uint32 { h.n++; return milliseconds(s)/500*125000 + h.n*64000 }, both, step)
	add("HP-UX: 64,000 to 64,063 a connection", 7, func(h *state, s simhost.SYN) uint32 { h.x += 64000 + h.r.Uint32N(64); return h.x }, isn.ClassRandomIncrement, step)
	add("mTCP: rand_r()", 1, func(h *state, s simhost.SYN) uint32 { return randR(&h.x) }, weak)
	add("rand() of 31 bits, by two", 1, func(h *state, s simhost.SYN) uint32 { h.x = (h.x*1103515245 + 12345) & 0x7fffffff; return h.x << 1 }, weak)
	add("rand() twice, the low half first", 1, func(h *state, s simhost.SYN) uint32 {
		draw := func() uint32 { h.x = h.x*214013 + 2531011; return h.x >> 16 & 0x7fff }
		low := draw()
		return low | draw()<<16
	}, weak)
	add("rand() of 15 bits, seeded once", 1, func(h *state, s simhost.SYN) uint32 { h.x = h.x*1103515245 + 12345; return h.x >> 16 & 0x7fff }, weak)
	add("a Weyl sequence", 1, func(h *state, s simhost.SYN) uint32 { h.x += 0x9e3779b9; return h.x }, step, weak)
	add("CRC-32 of a counter", 1, func(h *state, s simhost.SYN) uint32 { h.n++; return crcOf(h.n ^ h.x) }, weak, isn.ClassRandom)
	add("a counter, its bits reversed", 1, func(h *state, s simhost.SYN) uint32 { h.n++; return bits.Reverse32(h.n) }, weak, step)
	add("a clock of 16 bits in both halves", 2, func(h *state, s simhost.SYN) uint32 { x := milliseconds(s) & 0xffff; return x<<16 | x }, clock, weak, isn.ClassRepeating)
	add("a register of 16 bits, twice", 1, func(h *state, s simhost.SYN) uint32 { return h.register(16)<<16 | h.x }, weak, isn.ClassRepeating)
	add("a random number above the port's low byte", 23, func(h *state, s simhost.SYN) uint32 { return h.r.Uint32()<<8 | uint32(s.Src.Port()&0xff) }, weak, isn.ClassRandom)
	add("five listeners with counters of their own", 3, func(h *state, s simhost.SYN) uint32 {
		h.n++
		return hashOf(h.k, netip.AddrPort{}, uint64(h.n%5)) + h.n/5*64000
	}, isn.ClassMixed, step, weak, isn.ClassRandomIncrement)
	add("a counter of 64,000 below a hash of the address", 31, func(h *state, s simhost.SYN) uint32 {
		h.n++
		return hashOf(h.k, onlyAddress(s), 0) + h.n*64000
	}, isn.ClassTupleRandomIncrement, step)
	add("a counter of 64,000 below a hash of the tuple", 31, func(h *state, s simhost.SYN) uint32 {
		h.n++
		return hashOf(h.k, s.Src, 0) + h.n*64000
	}, isn.ClassTupleRandomIncrement)
	return list
}

// randR is glibc's rand_r() (stdlib/rand_r.c): 11, 10 and 10 bits of three draws.
func randR(seed *uint32) (x uint32) {
	for _, n := range []uint{11, 10, 10} {
		*seed = *seed*1103515245 + 12345
		x = x<<n | *seed>>16&(1<<n-1)
	}
	return x
}

// crcOf is the remainder of IEEE 802.3's polynomial, bit by bit.
func crcOf(x uint32) uint32 {
	for range 32 {
		x = x>>1 ^ -(x&1)&0xedb88320
	}
	return x
}

// register moves a shift register of 16 bits by n and returns it.
func (h *state) register(n int) uint32 {
	h.x = max(h.x&0xffff, 1)
	for range n {
		h.x = h.x>>1 | (h.x^h.x>>2^h.x>>3^h.x>>5)&1<<15
	}
	return h.x
}
