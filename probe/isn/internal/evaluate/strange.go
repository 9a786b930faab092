package evaluate

import (
	"cmp"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// GeneratorKind is a way to make numbers, and the classes that a careful reader of its
// source would accept.
type GeneratorKind struct {
	Name  string
	Right []isn.Class
	Make  func(rng *rand.Rand) simhost.Generator
}

// Unmodelled are generators that the analysis has no model of, or only one that comes near.
func Unmodelled() []GeneratorKind {
	return slices.Concat(strangeClocks(), strangeCounters(), strangeHashes())
}

// clockAt is what a clock of hz shows.
func clockAt(s simhost.SYN, hz float64) uint32 { return uint32(uint64(s.At.Seconds() * hz)) }

// hashOf hashes an address and a port, and a word.
func hashOf(k simhost.Key, src netip.AddrPort, word uint64) uint32 {
	k[1] ^= word * 0x9e3779b97f4a7c15
	return uint32(simhost.TupleConstant(k).Next(simhost.SYN{Src: src}))
}

// What is left of the source of a SYN.
func onlyAddress(s simhost.SYN) netip.AddrPort { return netip.AddrPortFrom(s.Src.Addr(), 0) }
func onlyPort(s simhost.SYN) netip.AddrPort {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), s.Src.Port())
}

// made is a kind whose numbers are a function of the SYN alone.
func made(name string, next func(k simhost.Key, r *rand.Rand, s simhost.SYN) uint32, right ...isn.Class) GeneratorKind {
	return GeneratorKind{name, right, func(rng *rand.Rand) simhost.Generator {
		k, r := secret(rng), fork(rng)
		return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { return craft.Seq(next(k, r, s)) })
	}}
}

// strangeClocks are clocks with a difference.
func strangeClocks() []GeneratorKind {
	return []GeneratorKind{
		made("a clock for each address", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, onlyAddress(s), 0) + clockAt(s, 1e6)
		}, isn.ClassTupleClock, isn.ClassGlobalClock),
		made("a clock for each port", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, onlyPort(s), 0) + clockAt(s, 250e3)
		}, isn.ClassTupleClock),
		made("16 random bits on a clock of 250 kHz", func(_ simhost.Key, r *rand.Rand, s simhost.SYN) uint32 {
			return clockAt(s, 250e3) + r.Uint32N(1<<16)
		}, isn.ClassGlobalClock),
		made("8 random bits below a tuple's clock", func(k simhost.Key, r *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, 0) + clockAt(s, 1e6) + r.Uint32N(1<<8)
		}, isn.ClassTupleClock),
		made("a clock whose ticks of 10 ms jitter", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			n := uint64(s.At / (10 * time.Millisecond))
			if s.At%(10*time.Millisecond) < time.Duration(hashOf(k, netip.AddrPortFrom(netip.IPv4Unspecified(), 0), n)%5_000_000) {
				n--
			}
			return uint32(n * 2500)
		}, isn.ClassGlobalClock),
		made("rekeyed every 30 s (RFC 1948)", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, uint64(s.At/(30*time.Second))) + clockAt(s, 250e3)
		}, isn.ClassTupleClock, isn.ClassMixed),
		made("rekeyed every second", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, uint64(s.At/time.Second)) + clockAt(s, 1e6)
		}, isn.ClassTupleClock, isn.ClassMixed),
		made("a hash of the tuple and the second", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, uint64(s.At/time.Second))
		}, isn.ClassTupleConstant, isn.ClassWeakRandom, isn.ClassMixed),
		made("a clock with its bytes swapped", func(_ simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return bits.ReverseBytes32(clockAt(s, 1e6))
		}, isn.ClassWeakRandom, isn.ClassGlobalClock),
		made("a clock with a secret XORed", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return clockAt(s, 250e3) ^ uint32(k[0])
		}, isn.ClassGlobalClock, isn.ClassWeakRandom),
		made("a tuple's clock XORed with a hash", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return clockAt(s, 250e3) ^ hashOf(k, s.Src, 0)
		}, isn.ClassTupleClock, isn.ClassWeakRandom),
		made("24 hashed bits, 8 of minutes", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			n := uint32(s.At / (5 * time.Minute))
			return hashOf(k, s.Src, uint64(n))&0xffffff + n<<24 + clockAt(s, 1e6)
		}, isn.ClassTupleClock, isn.ClassWeakRandom),
		made("each tuple's clock has a rate of its own", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			h := hashOf(k, s.Src, 0)
			return h + clockAt(s, 1e5+float64(h%1_000_000))
		}, isn.ClassTupleClock, isn.ClassTupleRandomIncrement),
		made("a clock that runs down", func(_ simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 { return -clockAt(s, 1e6) }, isn.ClassGlobalClock),
		made("our number and a clock in the hash", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, uint64(s.ISN)) + clockAt(s, 1e6)
		}, isn.ClassRandom, isn.ClassSYNCookies),
		made("our number and a clock", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, 0) + uint32(s.ISN) + clockAt(s, 1e6)
		}, isn.ClassTupleClock, isn.ClassSYNCookies),
	}
}

// strangeCounters are counters with a difference.
func strangeCounters() (list []GeneratorKind) {
	counted := func(name string, next func(n uint32, r *rand.Rand, s simhost.SYN) uint32, right ...isn.Class) {
		list = append(list, GeneratorKind{name, right, func(rng *rand.Rand) simhost.Generator {
			n, r := rng.Uint32(), fork(rng)
			return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { n++; return craft.Seq(next(n, r, s)) })
		}})
	}
	counted("a counter with its bytes swapped", func(n uint32, _ *rand.Rand, _ simhost.SYN) uint32 { return bits.ReverseBytes32(n) }, isn.ClassWeakRandom, isn.ClassGlobalStep)
	counted("a counter above 16 random bits", func(n uint32, r *rand.Rand, _ simhost.SYN) uint32 { return n<<16 | r.Uint32N(1<<16) },
		isn.ClassRandomIncrement, isn.ClassWeakRandom, isn.ClassGlobalStep)
	counted("a counter below 16 random bits", func(n uint32, r *rand.Rand, _ simhost.SYN) uint32 { return n&0xffff | r.Uint32()<<16 }, isn.ClassWeakRandom, isn.ClassRandomIncrement)
	counted("a counter in Gray's code", func(n uint32, _ *rand.Rand, _ simhost.SYN) uint32 { return n ^ n>>1 }, isn.ClassWeakRandom, isn.ClassGlobalStep, isn.ClassRandomIncrement)
	counted("a counter times an odd number", func(n uint32, _ *rand.Rand, _ simhost.SYN) uint32 { return n * 2654435761 }, isn.ClassGlobalStep, isn.ClassWeakRandom)
	counted("the square of a counter", func(n uint32, _ *rand.Rand, _ simhost.SYN) uint32 { return n * n }, isn.ClassWeakRandom, isn.ClassGlobalStep, isn.ClassRandomIncrement)
	counted("a counter down by 64,000", func(n uint32, _ *rand.Rand, _ simhost.SYN) uint32 { return -n * 64000 }, isn.ClassGlobalStep)
	counted("our port added to a counter of 1,000", func(n uint32, _ *rand.Rand, s simhost.SYN) uint32 { return n*1000 + uint32(s.Src.Port()) },
		isn.ClassGlobalStep, isn.ClassTupleRandomIncrement, isn.ClassRandomIncrement)
	kept := func(name string, key func(s simhost.SYN) netip.AddrPort, step func(r *rand.Rand) uint32, right ...isn.Class) {
		list = append(list, GeneratorKind{name, right, func(rng *rand.Rand) simhost.Generator {
			at, r := map[netip.AddrPort]uint32{}, fork(rng)
			return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
				if _, ok := at[key(s)]; !ok {
					at[key(s)] = r.Uint32()
				}
				at[key(s)] += step(r)
				return craft.Seq(at[key(s)])
			})
		}})
	}
	byAddress := func(s simhost.SYN) netip.AddrPort { return netip.AddrPortFrom(s.Src.Addr(), 0) }
	byPort := func(s simhost.SYN) netip.AddrPort { return netip.AddrPortFrom(netip.IPv4Unspecified(), s.Src.Port()) }
	kept("random steps for each address", byAddress, func(r *rand.Rand) uint32 { return 1 + r.Uint32N(1<<15) }, isn.ClassTupleRandomIncrement, isn.ClassRandomIncrement)
	kept("a step for each port", byPort, func(*rand.Rand) uint32 { return 4096 }, isn.ClassTupleRandomIncrement)
	kept("one of three steps", func(simhost.SYN) netip.AddrPort { return netip.AddrPort{} }, func(r *rand.Rand) uint32 { return 1000 << r.Uint32N(3) },
		isn.ClassRandomIncrement, isn.ClassGlobalStep)
	kept("a step of 64,000 and now and then another", func(simhost.SYN) netip.AddrPort { return netip.AddrPort{} },
		func(r *rand.Rand) uint32 { return 64000 * (1 + r.Uint32N(8)/7) }, isn.ClassGlobalStep, isn.ClassRandomIncrement)
	list = append(list, GeneratorKind{"steps as OpenBSD's once, and random ones each half second", []isn.Class{isn.ClassRandomIncrement, isn.ClassGlobalMixed, isn.ClassGlobalClock},
		func(rng *rand.Rand) simhost.Generator {
			x, last, r := rng.Uint32(), time.Duration(0), fork(rng)
			return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
				for ; last+500*time.Millisecond <= s.At; last += 500 * time.Millisecond {
					last = cmp.Or(last, s.At)
					x += 32000 + r.Uint32N(1<<15)
				}
				x += 1 + r.Uint32N(1<<15)
				return craft.Seq(x)
			})
		}})
	return list
}

// strangeHashes are hashes, cookies, pools and several machines with a difference.
func strangeHashes() (list []GeneratorKind) {
	list = append(list,
		made("a hash of our address alone", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 { return hashOf(k, onlyAddress(s), 0) }, isn.ClassTupleConstant, isn.ClassConstant),
		made("a hash of our port alone", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 { return hashOf(k, onlyPort(s), 0) }, isn.ClassTupleConstant),
		made("16 hashed bits", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 { return hashOf(k, s.Src, 0) & 0xffff }, isn.ClassTupleConstant, isn.ClassWeakRandom),
		made("a cookie whose counter takes two minutes", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			n := uint64(s.At / (2 * time.Minute))
			return uint32(s.ISN) + hashOf(k, s.Src, 0) + uint32(n)<<24 + hashOf(k, s.Src, n+9)&0xffffff
		}, isn.ClassSYNCookies),
		made("a cookie of the tuple and two minutes", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, uint64(s.At/(2*time.Minute)))
		}, isn.ClassTupleConstant, isn.ClassSYNCookies),
		made("our number XORed with a hash", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return uint32(s.ISN) ^ hashOf(k, s.Src, 0)
		}, isn.ClassSYNCookies),
		made("our number with its bytes swapped, and a hash", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return bits.ReverseBytes32(uint32(s.ISN)) + hashOf(k, s.Src, 0)
		}, isn.ClassSYNCookies, isn.ClassRandom),
		made("our number less a hash", func(k simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 {
			return hashOf(k, s.Src, 0) - uint32(s.ISN)
		}, isn.ClassSYNCookies, isn.ClassRandom),
		made("our number", func(_ simhost.Key, _ *rand.Rand, s simhost.SYN) uint32 { return uint32(s.ISN) }, isn.ClassSYNCookies),
	)
	machines := func(name string, make func(rng *rand.Rand) (one, other simhost.Generator), hashed bool, right ...isn.Class) {
		list = append(list, GeneratorKind{name, right, func(rng *rand.Rand) simhost.Generator {
			one, other := make(rng)
			k, r := secret(rng), fork(rng)
			return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
				if hashed && hashOf(k, s.Src, 0)&1 == 0 || !hashed && r.IntN(2) == 0 {
					return one.Next(s)
				}
				return other.Next(s)
			})
		}})
	}
	machines("two machines in turn, one of them a generator's", func(rng *rand.Rand) (one, other simhost.Generator) {
		return linux(rng), simhost.LCG(rng.Uint64N(1<<31), 1103515245, 12345, 1<<31, 0)
	}, false, isn.ClassMixed, isn.ClassTupleClock, isn.ClassWeakRandom)
	machines("two machines by hash, one of them a generator's", func(rng *rand.Rand) (one, other simhost.Generator) {
		return linux(rng), simhost.LCG(rng.Uint64N(1<<31), 1103515245, 12345, 1<<31, 0)
	}, true, isn.ClassMixed, isn.ClassTupleClock, isn.ClassWeakRandom)
	machines("a pool by hash, of two counters", func(rng *rand.Rand) (one, other simhost.Generator) {
		return simhost.Counter(seq(rng), 64000, 0, 1, 0), simhost.Counter(seq(rng), 64000, 0, 1, 0)
	}, true, isn.ClassMixed)
	machines("a pool by hash, of two clocks", func(rng *rand.Rand) (one, other simhost.Generator) {
		return simhost.Counter(seq(rng), 0, 1e6, 1, 0), simhost.Counter(seq(rng), 0, 1e6, 1, 0)
	}, true, isn.ClassMixed)
	for _, shift := range []int{1, 33} {
		list = append(list, GeneratorKind{fmt.Sprintf("64 bits of a generator, from bit %d, 31 of them", shift), []isn.Class{isn.ClassWeakRandom}, func(rng *rand.Rand) simhost.Generator {
			g := simhost.LCG(rng.Uint64(), 6364136223846793005, rng.Uint64()|1, 0, shift)
			return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq { return g.Next(s) & 0x7fffffff })
		}})
	}
	return list
}

// DrawKind samples a generator by a plan of somebody else's, or by ours.
func DrawKind(k GeneratorKind, seed uint64) Foreign { return drawKind(k, seed, 0) }

// DrawStack does so where every third host has other people's connections, too.
func DrawStack(k GeneratorKind, seed uint64) Foreign { return drawKind(k, seed, 3) }

// drawKind gives one host in busy other people's connections, 0 none.
func drawKind(k GeneratorKind, seed uint64, busy int) Foreign {
	rng := rand.New(rand.NewPCG(seed, seedOf(k.Name)))
	path := simhost.DrawPath(time.Duration(logUniform(rng, 50e3, 3e6)), rng)
	p := foreignPlans[rng.IntN(len(foreignPlans))]
	f := Foreign{Plan: p.name, Missing: pick(rng, columns...)}
	host := simhost.New(simhost.Truth{Kind: k.Name}, k.Make(rng), rng)
	n := int(logUniform(rng, 20, 300))
	if busy > 0 && rng.IntN(busy) == 0 {
		path.Others = logUniform(rng, 0.1, 30)
	}
	f.Others = path.Others
	f.Samples = simhost.Sample(isn.Plan{Steps: p.make(rng, n), Quick: true}, host, path, rng)
	for i := range f.Samples {
		forget(&f.Samples[i], f.Missing)
	}
	f.Outcome = Outcome{Seed: seed, Truth: host.Truth, Path: path, Report: isn.Analyze(f.Samples, isn.Options{})}
	return f
}

// GeneratorKindsMarkdown writes one row a generator: how often the class is one of those
// that fit, how often it is withheld, and what is claimed at 0.9 or more beside them.
func GeneratorKindsMarkdown(w io.Writer, kinds []GeneratorKind, first uint64, hosts int, draw func(GeneratorKind, uint64) Foreign, list func(*Foreign)) {
	fmt.Fprint(w, "| generator | fits | unknown | wrong below 0.9 | wrong at 0.9 or more |\n| --- | ---: | ---: | ---: | --- |\n")
	for _, k := range kinds {
		fits, unknown, unsure := 0, 0, 0
		sure := map[isn.Class]int{}
		for i := range hosts {
			f := draw(k, first+uint64(2*i))
			switch r := &f.Report; {
			case slices.Contains(k.Right, r.Class):
				fits++
			case r.Class == isn.ClassUnknown:
				unknown++
			case r.Confidence < 0.9:
				unsure++
			default:
				sure[r.Class]++
				list(&f)
			}
		}
		var words []string
		for _, c := range isn.Classes() {
			if sure[c] > 0 {
				words = append(words, fmt.Sprintf("%s %d", c, sure[c]))
			}
		}
		fmt.Fprintf(w, "| %s | %d | %d | %d | %s |\n", k.Name, fits, unknown, unsure, strings.Join(words, ", "))
	}
}
