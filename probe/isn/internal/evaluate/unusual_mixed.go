package evaluate

import (
	"fmt"
	"math/rand/v2"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// backend draws one machine behind a load balancer.
type backend func(rng *rand.Rand) simhost.Generator

func tupleClock(hz float64) backend {
	return func(rng *rand.Rand) simhost.Generator {
		return simhost.TupleClock(secret(rng), skewed(rng, hz), 1, rng.Float64())
	}
}

func globalClock(rng *rand.Rand) simhost.Generator {
	return simhost.Counter(seq(rng), 0, skewed(rng, 250e3), 1, 0)
}

func stepper(rng *rand.Rand) simhost.Generator {
	return simhost.Counter(seq(rng), uint32(1+rng.IntN(100000)), 0, 1, 0)
}

func incrementer(rng *rand.Rand) simhost.Generator {
	return simhost.Increment(seq(rng), 1, 1<<16, fork(rng))
}

func tupleConstant(rng *rand.Rand) simhost.Generator { return simhost.TupleConstant(secret(rng)) }

func constant(rng *rand.Rand) simhost.Generator { return simhost.Constant(seq(rng)) }

func random(rng *rand.Rand) simhost.Generator { return simhost.Random(fork(rng)) }

// linux is the commonest.
var linux = tupleClock(15.625e6)

// mixedKinds are two to four machines, alike and unlike, of which any answers.
func mixedKinds() (list []Kind) {
	balanced := func(name string, backends ...backend) {
		list = append(list, Kind{isn.ClassMixed, name, func(rng *rand.Rand) simhost.Generator {
			var all []simhost.Generator
			for _, draw := range backends {
				all = append(all, draw(rng))
			}
			return simhost.Balanced(fork(rng), all...)
		}})
	}
	for _, b := range []struct {
		name string
		draw backend
	}{{"Linux", linux}, {"250 kHz clocks", tupleClock(250e3)}, {"1 kHz clocks", tupleClock(1e3)}, {"250 MHz clocks", tupleClock(250e6)},
		{"steps", stepper}, {"global clocks", globalClock}, {"random increments", incrementer}, {"tuple-constants", tupleConstant}} {
		balanced("2 "+b.name, b.draw, b.draw)
		balanced("3 "+b.name, b.draw, b.draw, b.draw)
		balanced("4 "+b.name, b.draw, b.draw, b.draw, b.draw)
	}
	balanced("Linux and random", linux, random)
	balanced("step and random", stepper, random)
	balanced("Linux and step", linux, stepper)
	balanced("Linux and constant", linux, constant)
	balanced("Linux and tuple-constant", linux, tupleConstant)
	balanced("Linux and XNU", linux, tupleClock(7812500))
	balanced("Linux and global clock", linux, globalClock)
	list = append(list, Kind{isn.ClassMixed, "2 Linux, one for one SYN in five", func(rng *rand.Rand) simhost.Generator {
		often := linux(rng)
		return simhost.Balanced(fork(rng), often, often, often, often, linux(rng))
	}})
	return list
}

// parallelKinds are two machines, between which a hash of the four-tuple chooses.
func parallelKinds() (list []Kind) {
	for _, b := range []struct {
		name string
		draw backend
	}{{"steps", stepper}, {"global clocks", globalClock}, {"random increments", incrementer}} {
		list = append(list, Kind{isn.ClassMixed, fmt.Sprint("2 ", b.name, ", by tuple"), func(rng *rand.Rand) simhost.Generator {
			one, other, choice := b.draw(rng), b.draw(rng), simhost.TupleConstant(secret(rng))
			return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
				if choice.Next(s)&1 == 0 {
					return one.Next(s)
				}
				return other.Next(s)
			})
		}})
	}
	return list
}
