package evaluate

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Faulty are generators as they come out where a programmer meant well: clocks cut
// short, bytes in the wrong order, hashes without a clock, numbers made of ours, poor
// generators cut off, and pools of machines.
func Faulty() []GeneratorKind {
	return slices.Concat(faultyClocks(), faultyCounters(), faultyEchoes(), faultyGenerators(), pools())
}

// faultyClocks are clocks that restart, come round too soon, or are written down wrongly.
func faultyClocks() []GeneratorKind {
	plain := func(name string, next func(at time.Duration) uint32, right ...isn.Class) GeneratorKind {
		return made(name, func(_ simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 { return next(s.At) }, right...)
	}
	global, tupled := isn.ClassGlobalClock, isn.ClassTupleClock
	return []GeneratorKind{
		kept("jiffies of 10 ms with a restart", func(h *state, s simhost.SYN) uint32 {
			if h.last == 0 {
				h.last = s.At + time.Duration(h.r.Int64N(int64(4*time.Second)))
				h.n = 0
			}
			at := s.At
			if s.At > h.last {
				at = s.At - h.last
			}
			return uint32(at/(10*time.Millisecond)) * 2500
		}, global, isn.ClassMixed),
		kept("a clock of 250 kHz with a restart", func(h *state, s simhost.SYN) uint32 {
			if h.last == 0 {
				h.last = s.At + time.Duration(h.r.Int64N(int64(4*time.Second)))
			}
			if s.At > h.last {
				return clockAt(simhost.SYN{At: s.At - h.last}, 250e3)
			}
			return clockAt(s, 250e3)
		}, global, isn.ClassMixed),
		plain("microseconds of 32 bits by 16", func(at time.Duration) uint32 { return uint32(at/1000) >> 4 }, global),
		plain("24 bits of microseconds", func(at time.Duration) uint32 { return uint32(at/1000) & 0xffffff }, global),
		plain("20 bits of 4 µs", func(at time.Duration) uint32 { return uint32(at/4000) & 0xfffff }, global),
		plain("microseconds within the second", func(at time.Duration) uint32 { return uint32(at % time.Second / 1000) }, global, isn.ClassWeakRandom),
		plain("nanoseconds within the second", func(at time.Duration) uint32 { return uint32(at % time.Second) }, global, isn.ClassWeakRandom),
		plain("seconds XORed with microseconds", func(at time.Duration) uint32 {
			return uint32(at/time.Second) ^ uint32(at%time.Second/1000)
		}, global, isn.ClassWeakRandom),
		plain("seconds by 2^20 plus microseconds", func(at time.Duration) uint32 {
			return uint32(at/time.Second)<<20 | uint32(at%time.Second/1000)
		}, global),
		plain("microseconds", func(at time.Duration) uint32 { return uint32(at / 1000) }, global),
		plain("nanoseconds", func(at time.Duration) uint32 { return uint32(at) }, global),
		plain("milliseconds, the halves swapped", func(at time.Duration) uint32 {
			return bits.RotateLeft32(uint32(at/time.Millisecond), 16)
		}, global, isn.ClassWeakRandom),
		plain("a clock of 250 kHz, the halves swapped", func(at time.Duration) uint32 {
			return bits.RotateLeft32(uint32(at/4000), 16)
		}, global, isn.ClassWeakRandom),
		plain("milliseconds, the bytes swapped", func(at time.Duration) uint32 {
			return bits.ReverseBytes32(uint32(at / time.Millisecond))
		}, global, isn.ClassWeakRandom),
		plain("a clock times an odd number", func(at time.Duration) uint32 { return uint32(at/time.Millisecond) * 2654435761 }, global, isn.ClassWeakRandom),
		made("a tuple's clock, the bytes swapped", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return bits.ReverseBytes32(hashOf(k, s.Src, 0) + clockAt(s, 1e6))
		}, tupled, isn.ClassWeakRandom),
		made("a tuple's clock of 28 bits", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, 0) + uint32(s.At/1000)&0xfffffff
		}, tupled),
		made("rekeyed every 5 s, at once", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, uint64(s.At/(5*time.Second))) + clockAt(s, 15.625e6)
		}, tupled, isn.ClassMixed),
		made("rekeyed every tenth of a second", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, uint64(s.At/(100*time.Millisecond))) + clockAt(s, 15.625e6)
		}, tupled, isn.ClassMixed, isn.ClassRandom, isn.ClassWeakRandom), // nearly all are drawn anew
		made("a clock and the address of the client", func(_ simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			a := s.Src.Addr().As4()
			return clockAt(s, 250e3) + uint32(a[3])<<24 + uint32(s.Src.Port())
		}, tupled, global, isn.ClassGlobalMixed),
		made("each address has a clock of another rate", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			h := hashOf(k, onlyAddress(s), 0)
			return h + clockAt(s, 1e5+float64(h%1_000_000))
		}, tupled, isn.ClassTupleRandomIncrement, global, isn.ClassMixed),
		made("a clock that a process reads late", func(_ simhost.Key, r *rand.Rand, s simhost.SYN) uint32 {
			return clockAt(simhost.SYN{At: s.At - time.Duration(r.ExpFloat64()*5e6)}, 1e6)
		}, global),
		kept("a clock set back by NTP", func(h *state, s simhost.SYN) uint32 {
			if h.last == 0 {
				h.last = s.At + time.Duration(h.r.Int64N(int64(3*time.Second)))
			}
			if s.At > h.last {
				s.At -= 1500 * time.Millisecond
			}
			return clockAt(s, 1e6)
		}, global, isn.ClassMixed),
		kept("a clock that stands still for seconds", func(h *state, s simhost.SYN) uint32 {
			return uint32(s.At/(4*time.Second)) * 1_000_003
		}, global, isn.ClassConstant, isn.ClassWeakRandom),
	}
}

// faultyCounters are counters kept for somebody, or written down wrongly.
func faultyCounters() (list []GeneratorKind) {
	keyed := func(name string, key func(simhost.SYN) netip.AddrPort, next func(n uint32, start uint32, s simhost.SYN) uint32, right ...isn.Class) {
		list = append(list, GeneratorKind{name, right, func(rng *rand.Rand) simhost.Generator {
			count, k := map[netip.AddrPort]uint32{}, secret(rng)
			return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
				count[key(s)]++
				return craft.Seq(next(count[key(s)], hashOf(k, key(s), 0), s))
			})
		}})
	}
	none := func(simhost.SYN) netip.AddrPort { return netip.AddrPort{} }
	whole := func(s simhost.SYN) netip.AddrPort { return s.Src }
	stepOr := []isn.Class{isn.ClassGlobalStep, isn.ClassWeakRandom}
	keyed("a counter of 64,000 for each address", onlyAddress, func(n, h uint32, _ simhost.SYN) uint32 { return h + 64000*n },
		isn.ClassTupleRandomIncrement, isn.ClassGlobalStep)
	keyed("a counter of one for each address", onlyAddress, func(n, h uint32, _ simhost.SYN) uint32 { return h + n },
		isn.ClassTupleRandomIncrement, isn.ClassGlobalStep)
	keyed("a counter of one for each tuple", whole, func(n, h uint32, _ simhost.SYN) uint32 { return h + n }, isn.ClassTupleRandomIncrement)
	keyed("a counter for each tuple from 0", whole, func(n, _ uint32, _ simhost.SYN) uint32 { return n * 64000 },
		isn.ClassTupleRandomIncrement, isn.ClassGlobalStep, isn.ClassConstant)
	keyed("a counter for each address and a clock", onlyAddress, func(n, h uint32, s simhost.SYN) uint32 { return h + 64000*n + clockAt(s, 250e3) },
		isn.ClassTupleRandomIncrement, isn.ClassTupleClock, isn.ClassGlobalMixed)
	keyed("one a connection, the bytes swapped", none, func(n, h uint32, _ simhost.SYN) uint32 { return bits.ReverseBytes32(h + n) }, stepOr...)
	keyed("64,000 a connection, the bytes swapped", none, func(n, h uint32, _ simhost.SYN) uint32 { return bits.ReverseBytes32(h + 64000*n) }, stepOr...)
	keyed("64,000 a connection, the halves swapped", none, func(n, h uint32, _ simhost.SYN) uint32 { return bits.RotateLeft32(h+64000*n, 16) }, stepOr...)
	keyed("one a connection, the halves swapped", none, func(n, h uint32, _ simhost.SYN) uint32 { return bits.RotateLeft32(h+n, 16) }, stepOr...)
	keyed("64,000 a connection, XORed with a secret", none, func(n, h uint32, _ simhost.SYN) uint32 { return (64000 * n) ^ h }, isn.ClassGlobalStep, isn.ClassWeakRandom, isn.ClassRandomIncrement)
	keyed("one a connection, XORed with a secret", none, func(n, h uint32, _ simhost.SYN) uint32 { return n ^ h }, isn.ClassGlobalStep, isn.ClassWeakRandom, isn.ClassRandomIncrement)
	keyed("one a connection, the bits reversed", none, func(n, h uint32, _ simhost.SYN) uint32 { return bits.Reverse32(h + n) }, stepOr...)
	keyed("two steps in turn", none, func(n, h uint32, _ simhost.SYN) uint32 { return h + n/2*65000 + n%2*1000 },
		isn.ClassGlobalStep, isn.ClassRandomIncrement, isn.ClassWeakRandom)
	keyed("a counter of 16 bits", none, func(n, h uint32, _ simhost.SYN) uint32 { return uint32(uint16(h + 1000*n)) }, isn.ClassGlobalStep, isn.ClassWeakRandom, isn.ClassRepeating)
	keyed("a counter of 24 bits by 64,000", none, func(n, h uint32, _ simhost.SYN) uint32 { return (h + 64000*n) & 0xffffff }, isn.ClassGlobalStep, isn.ClassWeakRandom)
	keyed("a counter with the port in the upper half", none, func(n, h uint32, s simhost.SYN) uint32 { return uint32(s.Src.Port())<<16 | (h+n)&0xffff },
		isn.ClassTupleRandomIncrement, isn.ClassWeakRandom, isn.ClassGlobalStep, isn.ClassGlobalMixed) // ports one after the other are steps
	keyed("a counter of 1,000 below a hash of 16 bits", none, func(n, h uint32, s simhost.SYN) uint32 {
		return hashOf(simhost.Key{7, 9}, s.Src, 0)<<16 | (h+1000*n)&0xffff
	}, isn.ClassTupleRandomIncrement, isn.ClassWeakRandom, isn.ClassTupleClock, isn.ClassRandomIncrement) // one number a tuple shows no hash
	keyed("a number shifted, round and round", none, func(n, h uint32, _ simhost.SYN) uint32 { return h<<(n%29) + h }, isn.ClassRepeating, isn.ClassWeakRandom)
	keyed("a counter that starts again at 2^20", none, func(n, h uint32, _ simhost.SYN) uint32 { return (n*64000 + h) % (1 << 20) }, isn.ClassGlobalStep, isn.ClassWeakRandom, isn.ClassRepeating)
	return list
}

// faultyEchoes are numbers made of ours, and hashes that leave something out.
func faultyEchoes() []GeneratorKind {
	ours := func(name string, next func(h *state, s simhost.SYN, c uint32) uint32, right ...isn.Class) GeneratorKind {
		return kept(name, func(h *state, s simhost.SYN) uint32 { return next(h, s, uint32(s.ISN)) }, right...)
	}
	cookie := isn.ClassSYNCookies
	return []GeneratorKind{
		ours("our number and one", func(_ *state, _ simhost.SYN, c uint32) uint32 { return c + 1 }, cookie),
		ours("our number XORed with a secret", func(h *state, _ simhost.SYN, c uint32) uint32 { return c ^ h.x }, cookie),
		ours("our number inverted", func(_ *state, _ simhost.SYN, c uint32) uint32 { return ^c }, cookie),
		ours("our number doubled", func(_ *state, _ simhost.SYN, c uint32) uint32 { return c * 2 }, cookie, isn.ClassRandom, isn.ClassWeakRandom),
		ours("our number shifted right", func(_ *state, _ simhost.SYN, c uint32) uint32 { return c >> 4 }, cookie, isn.ClassRandom, isn.ClassWeakRandom),
		ours("our number rotated, and a secret", func(h *state, _ simhost.SYN, c uint32) uint32 { return bits.RotateLeft32(c, 7) + h.x }, cookie, isn.ClassRandom),
		ours("our number with its bytes swapped", func(_ *state, _ simhost.SYN, c uint32) uint32 { return bits.ReverseBytes32(c) }, cookie, isn.ClassRandom),
		ours("our number and a counter of 64,000", func(h *state, _ simhost.SYN, c uint32) uint32 { h.n++; return c + 64000*h.n }, cookie, isn.ClassGlobalStep, isn.ClassRandom),
		ours("our number and 8 random bits", func(h *state, _ simhost.SYN, c uint32) uint32 { return c + h.r.Uint32N(256) }, cookie, isn.ClassRandom),
		ours("our number and 16 random bits", func(h *state, _ simhost.SYN, c uint32) uint32 { return c + h.r.Uint32N(65536) }, cookie, isn.ClassRandom),
		ours("our number, one answer in two a Linux clock", func(h *state, s simhost.SYN, c uint32) uint32 {
			if h.r.IntN(2) == 0 {
				return c + hashOf(h.k, s.Src, 4)
			}
			return hashOf(h.k, s.Src, 0) + clockAt(s, 15.625e6)
		}, isn.ClassMixed, isn.ClassSYNProxy),
		ours("Linux under load: a cookie in four", func(h *state, s simhost.SYN, c uint32) uint32 {
			if h.r.IntN(4) == 0 {
				minute := uint32(s.At / time.Minute)
				return c + hashOf(h.k, s.Src, 4) + minute<<24 + hashOf(h.k, s.Src, 77+uint64(minute))&0xffffff + 3
			}
			return hashOf(h.k, s.Src, 0) + clockAt(s, 15.625e6)
		}, isn.ClassMixed),
		ours("Linux whose cookies begin half way", func(h *state, s simhost.SYN, c uint32) uint32 {
			if h.last == 0 {
				h.last = s.At + time.Duration(h.r.Int64N(int64(3*time.Second)))
			}
			if s.At > h.last {
				minute := uint32(s.At / time.Minute)
				return c + hashOf(h.k, s.Src, 4) + minute<<24 + hashOf(h.k, s.Src, 77+uint64(minute))&0xffffff + 3
			}
			return hashOf(h.k, s.Src, 0) + clockAt(s, 15.625e6)
		}, isn.ClassMixed, cookie),
		ours("a hash of the tuple in 20 bits", func(h *state, s simhost.SYN, _ uint32) uint32 { return hashOf(h.k, s.Src, 0) & 0xfffff }, isn.ClassTupleConstant, isn.ClassWeakRandom),
		ours("a sum over the tuple", func(_ *state, s simhost.SYN, _ uint32) uint32 {
			a := s.Src.Addr().As4()
			return uint32(a[0])<<24 + uint32(a[3])*65599 + uint32(s.Src.Port())*31
		}, isn.ClassTupleConstant, isn.ClassGlobalStep, isn.ClassGlobalMixed), // ports one after the other are steps
		ours("a CRC of the tuple and a counter", func(h *state, s simhost.SYN, _ uint32) uint32 { h.n++; return hashOf(h.k, s.Src, 0) + h.n },
			isn.ClassTupleClock, isn.ClassTupleRandomIncrement),
		ours("a hash of the tuple and a counter", func(h *state, s simhost.SYN, _ uint32) uint32 { h.n++; return hashOf(h.k, s.Src, uint64(h.n)) }, isn.ClassRandom),
		ours("a hash of our number alone", func(h *state, _ simhost.SYN, c uint32) uint32 {
			return hashOf(h.k, netip.AddrPortFrom(netip.IPv4Unspecified(), 0), uint64(c))
		}, isn.ClassRandom, cookie),
	}
}

// faultyGenerators are generators of which a part is shown.
func faultyGenerators() (list []GeneratorKind) {
	weak := []isn.Class{isn.ClassWeakRandom, isn.ClassRandom}
	drawn := func(name string, start func(rng *rand.Rand) func() uint32, right ...isn.Class) {
		list = append(list, GeneratorKind{name, right, func(rng *rand.Rand) simhost.Generator {
			next := start(rng)
			return simhost.GeneratorFunc(func(simhost.SYN) craft.Seq { return craft.Seq(next()) })
		}})
	}
	drawn("MT19937", mersenne, weak...)
	drawn("MT19937, 16 bits in the upper half", func(rng *rand.Rand) func() uint32 {
		next := mersenne(rng)
		return func() uint32 { return next() >> 16 << 16 }
	}, isn.ClassWeakRandom)
	drawn("glibc's random()", glibcRandom, isn.ClassWeakRandom)
	drawn("glibc's random(), two in one", func(rng *rand.Rand) func() uint32 {
		next := glibcRandom(rng)
		return func() uint32 { return next()<<16 ^ next() }
	}, weak...)
	drawn("xorshift128", func(rng *rand.Rand) func() uint32 {
		a, b, c, d := rng.Uint32(), rng.Uint32(), rng.Uint32(), rng.Uint32()|1
		return func() uint32 {
			t := a ^ a<<11
			a, b, c = b, c, d
			d ^= d>>19 ^ t ^ t>>8
			return d
		}
	}, weak...)
	for _, cut := range []int{8, 16, 20} {
		drawn(fmt.Sprintf("xorshift32 without its lowest %d bits", cut), func(rng *rand.Rand) func() uint32 {
			x := rng.Uint32() | 1
			return func() uint32 {
				x ^= x << 13
				x ^= x >> 17
				x ^= x << 5
				return x >> cut
			}
		}, isn.ClassWeakRandom)
	}
	lcg := func(name string, a, c, m uint64, show func(x uint64) uint32, right ...isn.Class) {
		drawn(name, func(rng *rand.Rand) func() uint32 {
			x := rng.Uint64()
			if m > 0 {
				x = 1 + x%(m-1)
			}
			return func() uint32 {
				if x = x*a + c; m > 0 {
					x %= m
				}
				return show(x)
			}
		}, right...)
	}
	lcg("rand() of 15 bits", 214013, 2531011, 1<<32, func(x uint64) uint32 { return uint32(x>>16) & 0x7fff }, isn.ClassWeakRandom)
	lcg("rand() of 15 bits by 2^17", 1103515245, 12345, 1<<31, func(x uint64) uint32 { return uint32(x>>16) & 0x7fff << 17 }, isn.ClassWeakRandom)
	lcg("MINSTD, of the old multiplier", 16807, 0, 1<<31-1, func(x uint64) uint32 { return uint32(x) }, isn.ClassWeakRandom)
	lcg("MINSTD shifted left", 48271, 0, 1<<31-1, func(x uint64) uint32 { return uint32(x) << 1 }, isn.ClassWeakRandom)
	lcg("MINSTD by 16, 27 bits", 16807, 0, 1<<31-1, func(x uint64) uint32 { return uint32(x) >> 4 }, isn.ClassWeakRandom)
	lcg("Borland's, 31 bits", 22695477, 1, 1<<32, func(x uint64) uint32 { return uint32(x) >> 1 }, isn.ClassWeakRandom)
	lcg("drand48's upper 31 bits", 0x5DEECE66D, 0xB, 1<<48, func(x uint64) uint32 { return uint32(x >> 17) }, isn.ClassWeakRandom)
	lcg("RANDU", 65539, 0, 1<<31, func(x uint64) uint32 { return uint32(x) | 1 }, isn.ClassWeakRandom)
	drawn("a generator seeded by each second", func(rng *rand.Rand) func() uint32 {
		x := rng.Uint32()
		return func() uint32 { x = x*1103515245 + 12345; return x>>16<<16 | x&0xf }
	}, weak...)
	drawn("a sum of two dice", func(rng *rand.Rand) func() uint32 {
		r := fork(rng)
		return func() uint32 { return r.Uint32()>>1 + r.Uint32()>>1 }
	}, weak...)
	drawn("random digits", func(rng *rand.Rand) func() uint32 {
		r := fork(rng)
		return func() uint32 { return r.Uint32N(1_000_000_000) }
	}, isn.ClassWeakRandom)
	drawn("a random number that moves on every fourth time", func(rng *rand.Rand) func() uint32 {
		r, n, x := fork(rng), 0, uint32(0)
		return func() uint32 {
			if n++; n%4 == 1 {
				x = r.Uint32()
			}
			return x
		}
	}, isn.ClassWeakRandom, isn.ClassRepeating, isn.ClassMixed)
	return list
}

// glibcRandom is random() of TYPE_3: a sum of the numbers 3 and 31 before.
func glibcRandom(rng *rand.Rand) func() uint32 {
	r := make([]uint32, 31)
	for i := range r {
		r[i] = rng.Uint32()
	}
	i := 0
	return func() uint32 {
		r[i] += r[(i+28)%31]
		x := r[i] >> 1
		i = (i + 1) % 31
		return x
	}
}

// mersenne is MT19937 (Matsumoto and Nishimura 1998) from a random state.
func mersenne(rng *rand.Rand) func() uint32 {
	mt := make([]uint32, 624)
	for i := range mt {
		mt[i] = rng.Uint32()
	}
	i := 0
	return func() uint32 {
		y := mt[i]&0x80000000 | mt[(i+1)%624]&0x7fffffff
		mt[i] = mt[(i+397)%624] ^ y>>1 ^ y&1*0x9908b0df
		x := mt[i]
		i = (i + 1) % 624
		x ^= x >> 11
		x ^= x << 7 & 0x9d2c5680
		x ^= x << 15 & 0xefc60000
		return x ^ x>>18
	}
}

// pools are two to four machines of different stacks, between which something chooses.
func pools() (list []GeneratorKind) {
	xnu, old := tupleClock(7812500), func(rng *rand.Rand) simhost.Generator { return simhost.Counter(seq(rng), 64000, 128000, 64000, 0) }
	windows := tupleClock(1e6)
	for _, p := range []struct {
		name  string
		right []isn.Class
		all   []backend
	}{
		{"Linux and random", []isn.Class{isn.ClassMixed}, []backend{linux, random}},
		{"Linux and XNU", []isn.Class{isn.ClassMixed, isn.ClassTupleClock}, []backend{linux, xnu}},
		{"Linux, random and a step", []isn.Class{isn.ClassMixed}, []backend{linux, random, stepper}},
		{"Linux, Windows, XNU and a BSD", []isn.Class{isn.ClassMixed, isn.ClassTupleClock}, []backend{linux, windows, xnu, old}},
		{"a BSD and random", []isn.Class{isn.ClassMixed}, []backend{old, random}},
		{"random steps and a clock", []isn.Class{isn.ClassMixed}, []backend{incrementer, globalClock}},
		{"a constant and random", []isn.Class{isn.ClassMixed}, []backend{constant, random}},
		{"a step and a constant", []isn.Class{isn.ClassMixed}, []backend{stepper, constant}},
		{"a tuple's constant and a step", []isn.Class{isn.ClassMixed}, []backend{tupleConstant, stepper}},
	} {
		for _, c := range choices {
			right := p.right
			if c.way != "by turns" { // a tuple is always the same machine's
				right = append(slices.Clone(right), isn.ClassTupleClock)
			}
			list = append(list, GeneratorKind{p.name + ", " + c.way, right, func(rng *rand.Rand) simhost.Generator {
				all := make([]simhost.Generator, len(p.all))
				for i := range all {
					all[i] = p.all[i](rng)
				}
				which := c.choose(rng)
				return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { return all[which(s)%len(all)].Next(s) })
			}})
		}
	}
	return list
}

// choices say which machine of a pool answers a SYN.
var choices = []struct {
	way    string
	choose func(rng *rand.Rand) func(simhost.SYN) int
}{
	{"by turns", func(*rand.Rand) func(simhost.SYN) int {
		n := 0
		return func(simhost.SYN) int { n++; return n }
	}},
	{"by source port", func(*rand.Rand) func(simhost.SYN) int {
		return func(s simhost.SYN) int { return int(s.Src.Port()) }
	}},
	{"by hash", func(rng *rand.Rand) func(simhost.SYN) int {
		k := secret(rng)
		return func(s simhost.SYN) int { return int(hashOf(k, s.Src, 0) >> 1) }
	}},
}
