package simhost

import (
	"math/rand/v2"

	"synscope/craft"
)

// weakKinds are the generators that look random and are not.
var weakKinds = []struct {
	name string
	make func(*rand.Rand) Generator
}{
	{"lcg known", func(rng *rand.Rand) Generator {
		return LCG(rng.Uint64N(1<<32), pick[uint64](rng, 1664525, 1103515245, 22695477, 214013, 69069), rng.Uint64N(1<<31)*2+1, 1<<32, 0)
	}},
	{"lcg any", func(rng *rand.Rand) Generator {
		return LCG(rng.Uint64N(1<<32), rng.Uint64N(1<<29)*8+5, rng.Uint64N(1<<31)*2+1, 1<<32, 0)
	}},
	{"lcg prime", func(rng *rand.Rand) Generator {
		m := pick[uint64](rng, 1<<31-1, 4294967291, 4294967279)
		return LCG(1+rng.Uint64N(m-1), pick(rng, 16807, 48271, 1+rng.Uint64N(m-1)), 0, m, 0)
	}},
	{"lcg 31", func(rng *rand.Rand) Generator {
		return LCG(rng.Uint64N(1<<31), 1103515245, 12345, 1<<31, 0)
	}},
	{"lcg 48", func(rng *rand.Rand) Generator {
		return LCG(rng.Uint64N(1<<48), 0x5DEECE66D, pick(rng, 0xB, rng.Uint64N(1<<47)*2+1), 1<<48, 16)
	}},
	{"lcg 64", func(rng *rand.Rand) Generator {
		return LCG(rng.Uint64(), pick[uint64](rng, 6364136223846793005, 2862933555777941757, 3935559000370003845), rng.Uint64()|1, 0, 32)
	}},
	{"xorshift32", func(rng *rand.Rand) Generator {
		s := pick(rng, [3]int{13, 17, 5}, [3]int{5, 9, 7}, [3]int{1, 3, 10}, [3]int{17, 15, 26})
		return Xorshift(rng.Uint32()|1, s[0], s[1], s[2])
	}},
	{"lfsr state", func(rng *rand.Rand) Generator {
		return Galois(rng.Uint32()|1, pick[uint32](rng, 0x80200003, 0xA3000000, rng.Uint32()|1<<31))
	}},
	{"lfsr stream", func(rng *rand.Rand) Generator {
		length := 16 + rng.IntN(49)
		return Stream(rng.Uint64()|1, rng.Uint64()|1<<(length-1), length)
	}},
	{"stuck", func(rng *rand.Rand) Generator {
		return Biased(fork(rng), manyBits(rng, 2+rng.IntN(16)), rng.Uint32(), 1)
	}},
	{"biased", func(rng *rand.Rand) Generator {
		return Biased(fork(rng), manyBits(rng, 6+rng.IntN(12)), rng.Uint32(), 0.9+0.1*rng.Float64())
	}},
	{"pool", func(rng *rand.Rand) Generator {
		store := make([]craft.Seq, 6+rng.IntN(40))
		for i := range store {
			store[i] = seq(rng)
		}
		return Pool(fork(rng), store)
	}},
}

// manyBits is a mask of n different bits.
func manyBits(rng *rand.Rand, n int) uint32 {
	var mask uint32
	for _, i := range rng.Perm(32)[:n] {
		mask |= 1 << i
	}
	return mask
}

func drawWeak(h *Host, rng *rand.Rand) {
	k := weakKinds[rng.IntN(len(weakKinds))]
	h.Truth.Kind, h.gen = k.name, k.make(rng)
}
