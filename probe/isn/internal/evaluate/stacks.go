package evaluate

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Stacks are generators as stacks of the past and of small devices have them, written
// from their sources and manuals and not from the models of the analysis.
func Stacks() []GeneratorKind { return slices.Concat(bsdStacks(), hashingStacks(), smallStacks()) }

// state is the drawn state of a host's generator.
type state struct {
	x, n uint32
	last time.Duration // of the timer
	r    *rand.Rand
	k    simhost.Key
}

// since is how often a timer of the period went off since it was last asked.
func (h *state) since(at, period time.Duration) uint32 {
	was := cmp.Or(h.last, at)
	h.last = at
	return uint32(at/period - was/period)
}

// kept is a kind with a state.
func kept(name string, next func(h *state, s simhost.SYN) uint32, right ...isn.Class) GeneratorKind {
	return GeneratorKind{name, right, func(rng *rand.Rand) simhost.Generator {
		h := &state{x: rng.Uint32(), n: rng.Uint32(), r: fork(rng), k: secret(rng)}
		return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { return craft.Seq(next(h, s)) })
	}}
}

const halfSecond = 500 * time.Millisecond

// bsdStacks are counters for everybody that grow with connections and with a timer.
func bsdStacks() (list []GeneratorKind) {
	timed := func(name string, period time.Duration, tick uint32, step func(r *rand.Rand) uint32, right ...isn.Class) {
		list = append(list, kept(name, func(h *state, s simhost.SYN) uint32 {
			h.x += tick*h.since(s.At, period) + step(h.r)
			return h.x
		}, right...))
	}
	fixed := func(n uint32) func(*rand.Rand) uint32 { return func(*rand.Rand) uint32 { return n } }
	upTo := func(n uint32) func(*rand.Rand) uint32 {
		return func(r *rand.Rand) uint32 { return 1 + r.Uint32N(n) }
	}
	both := []isn.Class{isn.ClassGlobalMixed}
	noisy := []isn.Class{isn.ClassRandomIncrement, isn.ClassGlobalMixed, isn.ClassGlobalClock}
	timed("4.2BSD: 128 a second, 64 a connection", time.Second, 128, fixed(64), both...)
	timed("4.3BSD: 128,000 a second, 64,000 a connection", time.Second, 128000, fixed(64000), both...)
	timed("4.4BSD: 62,464 each half second, 31,232 a connection", halfSecond, 62464, fixed(31232), both...)
	timed("BSD/OS: 64,000 each half second, 30,000 a connection", halfSecond, 64000, fixed(30000), both...)
	timed("VxWorks: 64,000 a connection", time.Hour, 0, fixed(64000), isn.ClassGlobalStep)
	timed("Solaris, strong_iss 0: 250,000 a second, 125,000 a connection", time.Microsecond*4, 1, fixed(125000), both...)
	timed("Solaris, strong_iss 1: random steps", time.Microsecond*4, 1, upTo(125000), noisy...)
	timed("Windows 2000: random steps", 100*time.Millisecond, 25000, upTo(1<<15), noisy...)
	timed("IRIX: steps of 21,000 to 42,000", time.Hour, 0, func(r *rand.Rand) uint32 { return 21000 + r.Uint32N(21000) }, isn.ClassRandomIncrement)
	timed("steps of 1,000 to 1,010", time.Hour, 0, func(r *rand.Rand) uint32 { return 1000 + r.Uint32N(11) }, isn.ClassRandomIncrement, isn.ClassGlobalStep)
	timed("OpenBSD 2.x: random steps and a random timer", halfSecond, 32768, upTo(1<<16), noisy...)
	timed("NT 4: one a millisecond, and eight a connection", time.Millisecond, 1, fixed(8), isn.ClassGlobalMixed, isn.ClassGlobalClock)
	timed("printers: 250,000 a second in ticks of 20 ms", 20*time.Millisecond, 5000, fixed(0), isn.ClassGlobalClock)
	timed("uIP: ten each half second", halfSecond, 10, fixed(0), isn.ClassGlobalClock)
	timed("FreeRTOS+TCP of old: 258 a connection", time.Hour, 0, fixed(258), isn.ClassGlobalStep)
	return list
}

// hashingStacks hash the four-tuple.
func hashingStacks() []GeneratorKind {
	clocked := func(name string, period time.Duration, counts uint32) GeneratorKind {
		return made(name, func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, 0) + uint32(s.At/period)*counts
		}, isn.ClassTupleClock)
	}
	shared := []isn.Class{isn.ClassTupleClock, isn.ClassTupleRandomIncrement}
	return []GeneratorKind{
		clocked("RFC 6528, 4 µs", 4*time.Microsecond, 1),
		clocked("RFC 6528, 64 ns", 64*time.Nanosecond, 1),
		clocked("RFC 6528, 1 ms", time.Millisecond, 1),
		clocked("RFC 6528, 64 ns in ticks of 10 ms", 10*time.Millisecond, 156250),
		clocked("RFC 6528, 4 µs in ticks of 1 ms", time.Millisecond, 250),
		clocked("RFC 6528, seconds", time.Second, 1),
		kept("Solaris, strong_iss 2: RFC 1948 and 125,000 a connection", func(h *state, s simhost.SYN) uint32 {
			h.n += 125000
			return hashOf(h.k, s.Src, 0) + uint32(s.At/4096) + h.n
		}, shared...),
		kept("FreeBSD without its cache: a hash, 1 MiB a second and random steps", func(h *state, s simhost.SYN) uint32 {
			h.n += 10485 * h.since(s.At, 10*time.Millisecond)
			h.n += 4096 + h.r.Uint32N(4096)
			return hashOf(h.k, s.Src, 0) + h.n
		}, shared...),
		kept("NetBSD: a hash, and a counter for everybody", func(h *state, s simhost.SYN) uint32 {
			h.n += 124928/2*h.since(s.At, halfSecond) + 1 + h.r.Uint32N(1<<16)
			return hashOf(h.k, s.Src, 0) + h.n
		}, shared...),
		made("Zephyr: a hash and a clock that goes round in 4.3 s", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, 0) + uint32(s.At)>>6
		}, isn.ClassTupleClock),
		made("Linux 2.4: 24 hashed bits, and a clock", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, 7)&0xffffff + 5<<24 + clockAt(s, 1e6)
		}, isn.ClassTupleClock, isn.ClassWeakRandom),
		made("a cookie that does not add our number, without a counter", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, uint64(s.ISN))
		}, isn.ClassSYNCookies, isn.ClassRandom),
		made("a cookie that adds our number, without a counter", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, 3) + uint32(s.ISN)
		}, isn.ClassSYNCookies),
		made("a hash of the tuple", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 { return hashOf(k, s.Src, 3) }, isn.ClassTupleConstant),
	}
}

// smallStacks are those of devices: constants, time in the upper half, rand().
func smallStacks() (list []GeneratorKind) {
	none := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	lcg := func(name string, a, c uint64, next func(draw func() uint64) uint32) {
		list = append(list, kept(name, func(h *state, _ simhost.SYN) uint32 {
			at := uint64(h.x)<<32 | uint64(h.n)
			x := next(func() uint64 { at = at*a + c; return at })
			h.x, h.n = uint32(at>>32), uint32(at)
			return x
		}, isn.ClassWeakRandom))
	}
	lcg("ThreadX: two times 15 bits of rand()", 1103515245, 12345, func(draw func() uint64) uint32 {
		return uint32(draw()>>16&0x7fff)<<16 | uint32(draw()>>16&0x7fff)
	})
	lcg("Microsoft's rand() in both halves", 214013, 2531011, func(draw func() uint64) uint32 {
		return uint32(draw()>>16&0x7fff)<<16 | uint32(draw()>>16&0x7fff)
	})
	lcg("newlib's rand()", 6364136223846793005, 1, func(draw func() uint64) uint32 { return uint32(draw()>>32) & 0x7fffffff })
	lcg("ANSI C's rand(), 32 bits", 1103515245, 12345, func(draw func() uint64) uint32 { return uint32(draw()) })
	lcg("Numerical Recipes' generator", 1664525, 1013904223, func(draw func() uint64) uint32 { return uint32(draw()) })
	return append(list,
		kept("a constant", func(h *state, _ simhost.SYN) uint32 { return h.x & 0xff00 }, isn.ClassConstant),
		kept("lwIP 1.4: ticks added since the start", func(h *state, s simhost.SYN) uint32 {
			h.x += uint32(s.At / halfSecond)
			return h.x
		}, isn.ClassGlobalStep, isn.ClassGlobalMixed),
		kept("seconds in the upper half", func(h *state, s simhost.SYN) uint32 { return uint32(s.At/time.Second)<<16 + h.x&0xffff },
			isn.ClassGlobalClock),
		kept("milliseconds in the upper half", func(_ *state, s simhost.SYN) uint32 { return uint32(s.At/time.Millisecond) << 16 },
			isn.ClassGlobalClock),
		kept("16 random bits in the upper half", func(h *state, _ simhost.SYN) uint32 { return h.r.Uint32N(1<<16) << 16 }, isn.ClassWeakRandom),
		kept("16 random bits in the lower half", func(h *state, _ simhost.SYN) uint32 { return h.r.Uint32N(1 << 16) }, isn.ClassWeakRandom),
		kept("a random number", func(h *state, _ simhost.SYN) uint32 { return h.r.Uint32() }, isn.ClassRandom),
		kept("31 random bits", func(h *state, _ simhost.SYN) uint32 { return h.r.Uint32() >> 1 }, isn.ClassWeakRandom),
		kept("two numbers", func(h *state, _ simhost.SYN) uint32 { return h.x + h.r.Uint32N(2)*0x10000 }, isn.ClassWeakRandom, isn.ClassMixed),
		kept("a clock of 1 ms XORed with our port", func(_ *state, s simhost.SYN) uint32 {
			return uint32(s.At/time.Millisecond) ^ uint32(s.Src.Port())<<16
		}, isn.ClassTupleClock, isn.ClassGlobalClock, isn.ClassGlobalMixed, isn.ClassWeakRandom), // ports one after the other are steps
		kept("seconds, and a random byte below them", func(h *state, s simhost.SYN) uint32 {
			return uint32(s.At/time.Second)<<8 | h.r.Uint32N(256)
		}, isn.ClassGlobalClock, isn.ClassWeakRandom, isn.ClassRandomIncrement),
		kept("a random number each second", func(h *state, s simhost.SYN) uint32 { return hashOf(h.k, none, uint64(s.At/time.Second)) },
			isn.ClassWeakRandom, isn.ClassRepeating),
		kept("a pool of two numbers by port", func(h *state, s simhost.SYN) uint32 { return h.x + hashOf(h.k, onlyPort(s), 0)%2*77777 },
			isn.ClassTupleConstant, isn.ClassWeakRandom, isn.ClassMixed),
		kept("four Linux backends in turn", func(h *state, s simhost.SYN) uint32 {
			h.n++
			return hashOf(h.k, s.Src, uint64(h.n%4)) + uint32(s.At/64)
		}, isn.ClassMixed),
		kept("four counters, by chance", func(h *state, _ simhost.SYN) uint32 {
			i := h.r.IntN(4)
			h.k[i/2] += 1 << (32 * (i % 2))
			return hashOf(simhost.Key{1, 2}, none, uint64(i)) + 64000*uint32(h.k[i/2]>>(32*(i%2)))
		}, isn.ClassMixed),
	)
}
