package simhost

import (
	"math"
	"math/rand/v2"

	"synscope/craft"
)

// Constant gives one number to everybody.
func Constant(x craft.Seq) Generator {
	return GeneratorFunc(func(SYN) craft.Seq { return x })
}

// TupleConstant hashes the tuple and nothing else.
func TupleConstant(k Key) Generator {
	return GeneratorFunc(func(s SYN) craft.Seq { return craft.Seq(k.hash(s.tuple()...)) })
}

// Repeating goes round in a cycle.
func Repeating(cycle []craft.Seq) Generator {
	i := -1
	return GeneratorFunc(func(SYN) craft.Seq { i++; return cycle[i%len(cycle)] })
}

// Counter is a global counter: step a connection and tick counts at each of hz
// ticks a second.
func Counter(start craft.Seq, step uint32, hz, tick, phase float64) Generator {
	n := uint32(0)
	return GeneratorFunc(func(s SYN) craft.Seq {
		n++
		return start.Add(step * n).Add(clock(s, hz, tick, phase))
	})
}

// clock is what a clock shows: tick counts at once, hz counts a second.
func clock(s SYN, hz, tick, phase float64) uint32 {
	if hz == 0 {
		return 0
	}
	ticks := math.Floor(s.At.Seconds()*hz/tick + phase)
	return uint32(uint64(ticks * tick))
}

// Increment is a global counter with steps between low and high.
func Increment(start craft.Seq, low, high uint32, rng *rand.Rand) Generator {
	x := start
	return GeneratorFunc(func(SYN) craft.Seq {
		x = x.Add(between(rng, low, high))
		return x
	})
}

// TupleIncrement is such a counter for each tuple.
func TupleIncrement(k Key, low, high uint32, rng *rand.Rand) Generator {
	sum := make(map[uint32]uint32)
	return GeneratorFunc(func(s SYN) craft.Seq {
		h := k.hash(s.tuple()...)
		sum[h] += between(rng, low, high)
		return craft.Seq(h).Add(sum[h])
	})
}

// between draws from low to high, both included.
func between(rng *rand.Rand, low, high uint32) uint32 {
	return low + uint32(rng.Uint64N(uint64(high-low)+1))
}

// TupleClock is RFC 6528: a hash of the tuple and a clock.
func TupleClock(k Key, hz, tick, phase float64) Generator {
	return GeneratorFunc(func(s SYN) craft.Seq {
		return craft.Seq(k.hash(s.tuple()...)).Add(clock(s, hz, tick, phase))
	})
}

// Balanced sends each SYN to one of several generators, whichever comes up.
func Balanced(rng *rand.Rand, backends ...Generator) Generator {
	return GeneratorFunc(func(s SYN) craft.Seq { return backends[rng.IntN(len(backends))].Next(s) })
}
