package simhost

import (
	"math/bits"
	"math/rand/v2"

	"synscope/craft"
)

// Random is as good as its source.
func Random(rng *rand.Rand) Generator {
	return GeneratorFunc(func(SYN) craft.Seq { return craft.Seq(rng.Uint32()) })
}

// LCG is a linear congruential generator modulo m (0 for 2^64), of which the
// state is seen after a shift to the right.
func LCG(state, a, c, m uint64, shift int) Generator {
	return GeneratorFunc(func(SYN) craft.Seq {
		hi, lo := bits.Mul64(a, state)
		lo, carry := bits.Add64(lo, c, 0)
		state = lo
		if m != 0 {
			_, state = bits.Div64((hi+carry)%m, lo, m)
		}
		return craft.Seq(state >> shift)
	})
}

// Xorshift is Marsaglia's 32-bit generator with the shifts left, right, left.
func Xorshift(state uint32, a, b, c int) Generator {
	return GeneratorFunc(func(SYN) craft.Seq {
		state ^= state << a
		state ^= state >> b
		state ^= state << c
		return craft.Seq(state)
	})
}

// Galois is a 32-bit shift register that moves one bit a connection.
func Galois(state, taps uint32) Generator {
	return GeneratorFunc(func(SYN) craft.Seq {
		state = state>>1 ^ state&1*taps
		return craft.Seq(state)
	})
}

// Stream cuts its numbers, 32 bits each, from a shift register up to 64 bits
// long, whose next bit is the parity of its tapped bits.
func Stream(state, taps uint64, length int) Generator {
	mask := ^uint64(0) >> (64 - length)
	return GeneratorFunc(func(SYN) craft.Seq {
		var x uint32
		for range 32 {
			bit := uint64(bits.OnesCount64(state&taps) & 1)
			state = (state<<1 | bit) & mask
			x = x<<1 | uint32(bit)
		}
		return craft.Seq(x)
	})
}

// Biased is random but for the bits of mask, which are those of value with
// probability p.
func Biased(rng *rand.Rand, mask, value uint32, p float64) Generator {
	return GeneratorFunc(func(SYN) craft.Seq {
		x := rng.Uint32() &^ mask
		for i := range 32 {
			bit := uint32(1) << i
			if mask&bit == 0 {
				continue
			}
			if (rng.Float64() < p) == (value&bit != 0) {
				x |= bit
			}
		}
		return craft.Seq(x)
	})
}

// Pool draws from a small store.
func Pool(rng *rand.Rand, store []craft.Seq) Generator {
	return GeneratorFunc(func(SYN) craft.Seq { return store[rng.IntN(len(store))] })
}
