package evaluate

import (
	"fmt"
	"math/rand/v2"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// clockKinds are clocks from one count a second to one a nanosecond, and clocks
// that move by many counts at once.
func clockKinds() (list []Kind) {
	add := func(name string, hz, tick float64) {
		list = append(list,
			Kind{isn.ClassGlobalClock, name, func(rng *rand.Rand) simhost.Generator {
				return simhost.Counter(seq(rng), 0, skewed(rng, hz), tick, rng.Float64())
			}},
			Kind{isn.ClassTupleClock, name, func(rng *rand.Rand) simhost.Generator {
				return simhost.TupleClock(secret(rng), skewed(rng, hz), tick, rng.Float64())
			}})
	}
	for _, hz := range []float64{1, 2, 10, 18.2, 64, 100, 250, 1000, 1e6, 62.5e6, 250e6, 1e9} {
		add(fmt.Sprintf("%g Hz", hz), hz, 1)
	}
	for _, t := range []struct{ hz, counts float64 }{{128000, 64000}, {256000, 128000}, {25000, 250}, {64000, 64000}, {15625000, 62500}, {1e6, 1e4}, {124928, 62464}} {
		add(fmt.Sprintf("%g counts %g times a second", t.counts, t.hz/t.counts), t.hz, t.counts)
	}
	return list
}

// stepKinds are counters that move by a step, upwards and downwards, and by a
// step and a clock.
func stepKinds() (list []Kind) {
	for _, step := range []int32{1, 2, 64, 64000, 1e6, 1 << 28, 1 << 30, 0x7ffffff1, -1, -2, -64000, -1000003} {
		list = append(list, Kind{isn.ClassGlobalStep, fmt.Sprint("step ", step), func(rng *rand.Rand) simhost.Generator {
			start := pick(rng, seq(rng), craft.Seq(0).Add(-uint32(step)*uint32(1+rng.IntN(20)))) // near 0 and round it
			return simhost.Counter(start, uint32(step), 0, 1, 0)
		}})
	}
	for _, m := range []struct{ step, hz, tick float64 }{{64000, 128000, 64000}, {64000, 256000, 128000}, {64000, 128000, 1}, {31232, 124928, 62464},
		{64000, 250000, 1}, {1, 250000, 1}, {1, 100, 1}, {1, 10, 1}, {1000, 1000, 1}, {128000, 25000, 250}, {1 << 24, 1e6, 1}} {
		name := fmt.Sprintf("step %.0f, %.0f counts %g times a second", m.step, m.tick, m.hz/m.tick)
		list = append(list, Kind{isn.ClassGlobalMixed, name, func(rng *rand.Rand) simhost.Generator {
			start := pick(rng, seq(rng), craft.Seq(0).Add(-uint32(rng.IntN(1e6))))
			return simhost.Counter(start, uint32(m.step), skewed(rng, m.hz), m.tick, rng.Float64())
		}})
	}
	return list
}

// incrementKinds are counters with random steps between bounds.
func incrementKinds() (list []Kind) {
	for _, b := range [][2]uint32{{1, 2}, {0, 3}, {1, 10}, {1, 100}, {1, 1 << 12}, {1, 1 << 16}, {1, 1 << 20}, {1, 1 << 24}, {1, 1 << 27}, {1, 1 << 28},
		{1 << 20, 1<<20 + 100}, {1 << 24, 1 << 25}, {64000, 64007}} {
		name := fmt.Sprintf("%d to %d", b[0], b[1])
		list = append(list,
			Kind{isn.ClassRandomIncrement, name, func(rng *rand.Rand) simhost.Generator {
				return simhost.Increment(pick(rng, seq(rng), craft.Seq(0).Add(-(8*b[1]))), b[0], b[1], fork(rng))
			}},
			Kind{isn.ClassTupleRandomIncrement, name, func(rng *rand.Rand) simhost.Generator {
				return simhost.TupleIncrement(secret(rng), b[0], b[1], fork(rng))
			}})
	}
	return list
}

// exactKinds are constants and cycles, of which 0 is a value.
func exactKinds() (list []Kind) {
	for n := 2; n <= 8; n++ {
		list = append(list, Kind{isn.ClassRepeating, fmt.Sprint("cycle of ", n), func(rng *rand.Rand) simhost.Generator {
			cycle := make([]craft.Seq, n)
			for i := range cycle {
				cycle[i] = seq(rng)
			}
			cycle[0] = pick(rng, 0, cycle[0])
			return simhost.Repeating(cycle)
		}})
	}
	return append(list,
		Kind{isn.ClassConstant, "0", func(*rand.Rand) simhost.Generator { return simhost.Constant(0) }},
		Kind{isn.ClassTupleConstant, "any", func(rng *rand.Rand) simhost.Generator { return simhost.TupleConstant(secret(rng)) }})
}
