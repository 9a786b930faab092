package evaluate

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// weakKinds are congruential generators whose multipliers nobody published, and
// uses of common ones.
func weakKinds() (list []Kind) {
	add := func(name string, make func(rng *rand.Rand) simhost.Generator) {
		list = append(list, Kind{isn.ClassWeakRandom, name, make})
	}
	add("lcg 2^32 any odd a", func(rng *rand.Rand) simhost.Generator {
		return simhost.LCG(rng.Uint64N(1<<32), rng.Uint64N(1<<31)*2+1, rng.Uint64N(1<<32), 1<<32, 0)
	})
	add("lcg 2^31 any a", func(rng *rand.Rand) simhost.Generator {
		return simhost.LCG(rng.Uint64N(1<<31), rng.Uint64N(1<<28)*8+5, rng.Uint64N(1<<30)*2+1, 1<<31, 0)
	})
	add("lcg any modulus", func(rng *rand.Rand) simhost.Generator {
		m := 1<<30 + rng.Uint64N(3<<30)
		return simhost.LCG(rng.Uint64N(m), 2+rng.Uint64N(m-2), rng.Uint64N(m), m, 0)
	})
	add("lcg 2^64 any a, top 32", func(rng *rand.Rand) simhost.Generator {
		return simhost.LCG(rng.Uint64(), rng.Uint64()|1, rng.Uint64()|1, 0, 32)
	})
	add("lcg 2^64 any a, low 32", func(rng *rand.Rand) simhost.Generator {
		return simhost.LCG(rng.Uint64(), rng.Uint64()&^7|5, rng.Uint64()|1, 0, 0)
	})
	add("lcg 2^48 any a, top 32", func(rng *rand.Rand) simhost.Generator {
		return simhost.LCG(rng.Uint64N(1<<48), rng.Uint64N(1<<45)*8+5, rng.Uint64N(1<<47)*2+1, 1<<48, 16)
	})
	add("rand() of 15 bits", func(rng *rand.Rand) simhost.Generator {
		return simhost.LCG(rng.Uint64N(1<<31), 214013, 2531011, 1<<31, 16)
	})
	add("rand()<<16|rand()", func(rng *rand.Rand) simhost.Generator {
		g := simhost.LCG(rng.Uint64N(1<<31), 1103515245, 12345, 1<<31, 16)
		return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { a := g.Next(s); return a<<16 | g.Next(s) })
	})
	add("minstd<<1", func(rng *rand.Rand) simhost.Generator {
		g := simhost.LCG(1+rng.Uint64N(1<<31-2), 16807, 0, 1<<31-1, 0)
		return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { return g.Next(s) << 1 })
	})
	return list
}

// linearKinds are generators that shift and XOR.
func linearKinds() (list []Kind) {
	add := func(name string, make func(rng *rand.Rand) simhost.Generator) {
		list = append(list, Kind{isn.ClassWeakRandom, name, make})
	}
	for _, s := range [][3]int{{13, 17, 5}, {1, 3, 10}, {7, 1, 9}} {
		add(fmt.Sprint("xorshift32 ", s), func(rng *rand.Rand) simhost.Generator {
			return simhost.Xorshift(rng.Uint32()|1, s[0], s[1], s[2])
		})
	}
	add("xorshift128", func(rng *rand.Rand) simhost.Generator {
		x, y, z, w := rng.Uint32(), rng.Uint32(), rng.Uint32(), rng.Uint32()
		return simhost.GeneratorFunc(func(simhost.SYN) craft.Seq {
			t := x ^ x<<11
			x, y, z = y, z, w
			w = w ^ w>>19 ^ t ^ t>>8
			return craft.Seq(w)
		})
	})
	for _, half := range []string{"top", "low"} {
		add("xorshift64 "+half, func(rng *rand.Rand) simhost.Generator {
			x := rng.Uint64() | 1
			return simhost.GeneratorFunc(func(simhost.SYN) craft.Seq {
				x ^= x << 13
				x ^= x >> 7
				x ^= x << 17
				if half == "top" {
					return craft.Seq(x >> 32)
				}
				return craft.Seq(x)
			})
		})
	}
	add("lfsr16 state", func(rng *rand.Rand) simhost.Generator { return simhost.Galois(rng.Uint32()&0xffff|1, 0xB400) })
	add("lfsr16 state twice", func(rng *rand.Rand) simhost.Generator {
		g := simhost.Galois(rng.Uint32()&0xffff|1, 0xB400)
		return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { x := g.Next(s); return x<<16 | x })
	})
	add("lfsr31 state", func(rng *rand.Rand) simhost.Generator { return simhost.Galois(rng.Uint32()>>1|1, 0x48000000) })
	add("lfsr32 left", func(rng *rand.Rand) simhost.Generator {
		g := simhost.Galois(rng.Uint32()|1, 0x80200003)
		return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { return craft.Seq(bits.Reverse32(uint32(g.Next(s)))) })
	})
	add("lfsr32, 8 bits a connection", func(rng *rand.Rand) simhost.Generator {
		g := simhost.Galois(rng.Uint32()|1, 0x80200003)
		return simhost.GeneratorFunc(func(s simhost.SYN) (x craft.Seq) {
			for range 8 {
				x = g.Next(s)
			}
			return x
		})
	})
	for _, length := range []int{16, 31, 32, 64} {
		add(fmt.Sprintf("lfsr%d stream", length), func(rng *rand.Rand) simhost.Generator {
			return simhost.Stream(rng.Uint64()|1, rng.Uint64()|1<<(length-1), length)
		})
	}
	return list
}

// shortKinds are numbers with less in them than 32 bits.
func shortKinds() (list []Kind) {
	add := func(name string, make func(rng *rand.Rand) simhost.Generator) {
		list = append(list, Kind{isn.ClassWeakRandom, name, make})
	}
	add("16 bits twice", func(rng *rand.Rand) simhost.Generator {
		r := fork(rng)
		return simhost.GeneratorFunc(func(simhost.SYN) craft.Seq { x := r.Uint32() & 0xffff; return craft.Seq(x<<16 | x) })
	})
	add("8 bits four times", func(rng *rand.Rand) simhost.Generator {
		r := fork(rng)
		return simhost.GeneratorFunc(func(simhost.SYN) craft.Seq { return craft.Seq(r.Uint32N(256) * 0x01010101) })
	})
	add("16 bits and their complement", func(rng *rand.Rand) simhost.Generator {
		r := fork(rng)
		return simhost.GeneratorFunc(func(simhost.SYN) craft.Seq { x := r.Uint32() & 0xffff; return craft.Seq(x<<16 | x ^ 0xffff) })
	})
	for _, n := range []int{8, 16, 24, 31} {
		add(fmt.Sprintf("%d bits low", n), func(rng *rand.Rand) simhost.Generator {
			r := fork(rng)
			return simhost.GeneratorFunc(func(simhost.SYN) craft.Seq { return craft.Seq(r.Uint32() >> (32 - n)) })
		})
		add(fmt.Sprintf("%d bits high", n), func(rng *rand.Rand) simhost.Generator {
			r := fork(rng)
			return simhost.GeneratorFunc(func(simhost.SYN) craft.Seq { return craft.Seq(r.Uint32() << (32 - n)) })
		})
	}
	add("seeded by the second", func(rng *rand.Rand) simhost.Generator {
		t := simhost.TupleConstant(secret(rng))
		return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
			return t.Next(simhost.SYN{Src: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(s.At/time.Second))})
		})
	})
	for _, p := range []float64{0.75, 0.9} {
		add(fmt.Sprintf("16 bits one with %g", p), func(rng *rand.Rand) simhost.Generator {
			return simhost.Biased(fork(rng), 0x55555555, rng.Uint32(), p)
		})
	}
	for _, n := range []int{3, 10, 30, 100} {
		add(fmt.Sprintf("store of %d", n), func(rng *rand.Rand) simhost.Generator {
			store := make([]craft.Seq, n)
			for i := range store {
				store[i] = seq(rng)
			}
			return simhost.Pool(fork(rng), store)
		})
	}
	return list
}
