package isn_test

import (
	"bytes"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"synscope/craft"
	"synscope/probe/isn"
)

// hashOf is a keyed hash of what is given.
func hashOf(parts ...any) uint32 {
	h := fnv.New32a()
	for _, p := range parts {
		switch p := p.(type) {
		case uint16:
			h.Write([]byte(strconv.Itoa(int(p))))
		case netip.Addr:
			h.Write(p.AsSlice())
		}
		h.Write([]byte{7})
	}
	return h.Sum32() * 2654435761
}

// clients are samples of several addresses and ports: the port of address a is one of
// those that port lists, and number chooses the number at t seconds.
func clients(n int, port func(a int, rng *rand.Rand) uint16, addresses int, number func(src netip.Addr, port uint16, client uint32, t float64) uint32) []isn.Sample {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(addresses)))
	samples := make([]isn.Sample, n)
	t := 0.0
	for i := range samples {
		t += rng.ExpFloat64() / 5
		a := rng.IntN(addresses)
		s := &samples[i]
		s.Src, s.SrcPort = netip.AddrFrom4([4]byte{10, 0, 0, byte(a + 1)}), isn.Some(port(a, rng))
		s.ClientISN = isn.Some(craft.Seq(rng.Uint32()))
		s.Sent = isn.Some(int64(1e18 + t*1e9))
		s.Received = isn.Some(s.Sent.Value + 2e6 + int64(1e5*rng.ExpFloat64()))
		s.ISN = isn.Some(craft.Seq(number(s.Src, s.SrcPort.Value, uint32(s.ClientISN.Value), t+1e-3)))
	}
	return samples
}

// Addresses with ports of their own, as those of a capture, do not show whether the
// address is in the hash; one port for each of them does not show either.
func TestAddressesWithPortsOfTheirOwn(t *testing.T) {
	hosts := map[string]func(netip.Addr, uint16, uint32, float64) uint32{
		"clock": func(a netip.Addr, p uint16, _ uint32, t float64) uint32 {
			return hashOf(a, p) + uint32(int64(t*15625e3))
		},
		"constant": func(a netip.Addr, p uint16, _ uint32, t float64) uint32 { return hashOf(a, p) },
		"cookie":   func(a netip.Addr, p uint16, c uint32, t float64) uint32 { return hashOf(a, p) + c },
	}
	for name, number := range hosts {
		for _, each := range []int{1, 2, 3} {
			own := func(a int, rng *rand.Rand) uint16 { return uint16(40000 + 10*a + rng.IntN(each)) }
			r := isn.Analyze(clients(40, own, 3, number), isn.Options{})
			if hasFinding(r, "address-not-hashed") || r.GuessesP50.OK && r.GuessesP50.Value < 1<<27 {
				t.Errorf("%s, %d ports each: %v, %v guesses", name, each, r.Findings, r.GuessesP50)
			}
			for _, f := range r.Factors {
				if f.Effect == isn.DoesNotMove && (f.Name == "address" || f.Name == "port") || each == 1 && f.Name == "port" && f.Effect != isn.NotSaid {
					t.Errorf("%s, %d ports each: %s %s", name, each, f.Name, f.Effect)
				}
			}
		}
	}
}

// The same ports from several addresses do show it.
func TestAddressesThatShareTheirPorts(t *testing.T) {
	shared := func(_ int, rng *rand.Rand) uint16 { return uint16(40000 + rng.IntN(3)) }
	r := isn.Analyze(clients(40, shared, 3, func(_ netip.Addr, p uint16, _ uint32, t float64) uint32 {
		return hashOf(p) + uint32(int64(t*31250e3))
	}), isn.Options{})
	if r.Class != isn.ClassTupleClock || !hasFinding(r, "address-not-hashed") {
		t.Errorf("%s, %v", r.Class, r.Findings)
	}
}

// Whether a number is a cookie or the tuple's own cannot be told where each tuple sent
// one number of ours.
func TestCookieOfOneClientISN(t *testing.T) {
	shared := func(_ int, rng *rand.Rand) uint16 { return uint16(40000 + rng.IntN(3)) }
	samples := clients(60, shared, 2, func(a netip.Addr, p uint16, _ uint32, t float64) uint32 { return hashOf(a, p) })
	if r := isn.Analyze(samples, isn.Options{}); r.Class != isn.ClassTupleConstant {
		t.Errorf("varied client ISNs: %s", r.Class)
	}
	for i := range samples {
		samples[i].ClientISN = isn.Some[craft.Seq](0)
	}
	if r := isn.Analyze(samples, isn.Options{}); r.Class != isn.ClassUnknown || !hasFinding(r, "undecided") {
		t.Errorf("one client ISN: %s %.3f, %v", r.Class, r.Confidence, r.Findings)
	}
	for i := range samples {
		samples[i].ClientISN = isn.Opt[craft.Seq]{}
	}
	if r := isn.Analyze(samples, isn.Options{}); r.Confidence >= 0.9 {
		t.Errorf("no client ISN: %s %.3f", r.Class, r.Confidence)
	}
}

// Numbers that go in the steps of our own are a counter's or a cookie's.
func TestClientISNThatCounts(t *testing.T) {
	shared := func(_ int, rng *rand.Rand) uint16 { return uint16(40000 + rng.IntN(3)) }
	for _, n := range []int{40, 400, 1000} {
		samples := clients(n, shared, 2, func(netip.Addr, uint16, uint32, float64) uint32 { return 0 })
		for i := range samples {
			samples[i].ClientISN = isn.Some(craft.Seq(77 + 1000*i))
			samples[i].ISN = isn.Some(craft.Seq(5 + 1000*i))
		}
		r := isn.Analyze(samples, isn.Options{})
		if r.Class == isn.ClassGlobalStep || r.Confidence >= 0.9 && r.Class != isn.ClassSYNCookies {
			t.Errorf("%d samples: %s %.3f", n, r.Class, r.Confidence)
		}
	}
}

// One port from several addresses does not show what other ports get.
func TestOnePortOfSeveralAddresses(t *testing.T) {
	one := func(int, *rand.Rand) uint16 { return 40000 }
	grown := uint32(0)
	for name, number := range map[string]func(netip.Addr, uint16, uint32, float64) uint32{
		"clock":    func(_ netip.Addr, p uint16, _ uint32, t float64) uint32 { return hashOf(p) + uint32(int64(t*31250e3)) },
		"constant": func(_ netip.Addr, p uint16, _ uint32, t float64) uint32 { return hashOf(p) },
		"random":   func(netip.Addr, uint16, uint32, float64) uint32 { grown += rand.Uint32N(1 << 15); return grown },
	} {
		r := isn.Analyze(clients(40, one, 3, number), isn.Options{})
		if r.Class != isn.ClassUnknown || !hasFinding(r, "undecided") {
			t.Errorf("%s: %s %.3f", name, r.Class, r.Confidence)
		}
	}
}

// Where a step is seen beside other people's connections, time is not said to make no
// difference: a timer may add the same step.
func TestBusyStepSaysNothingOfTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	last, x := 0.0, uint32(0)
	ports := func(_ int, rng *rand.Rand) uint16 { return uint16(rng.UintN(60000)) }
	r := isn.Analyze(clients(40, ports, 2, func(_ netip.Addr, _ uint16, _ uint32, t float64) uint32 {
		for at := last + rng.ExpFloat64()/20; at < t; at += rng.ExpFloat64() / 20 {
			x += 64000
		}
		x += 64000 * (1 + uint32(2*t) - uint32(2*last))
		last = t
		return x
	}), isn.Options{})
	for _, f := range r.Factors {
		if f.Name == "time" && f.Effect == isn.DoesNotMove {
			t.Errorf("%s: time %s, %.0f bits", r.Class, f.Effect, f.Bits)
		}
	}
}

// What a header says reaches a terminal without its control characters.
func TestHeaderIsQuoted(t *testing.T) {
	_, err := isn.ReadCSV(bytes.NewBufferString("\x1b[31mred\n1\n"), "x")
	if !errors.Is(err, isn.ErrCSV) || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%q", err)
	}
}

// A counter that runs down is told from one with a timer as one that runs up is.
func TestCountersRunDownAsUp(t *testing.T) {
	ports := func(_ int, rng *rand.Rand) uint16 { return uint16(rng.UintN(60000)) }
	for name, timer := range map[string]bool{"others at random": false, "a timer": true} {
		var classes []isn.Class
		for _, step := range []uint32{1000, 1<<32 - 1000} {
			rng := rand.New(rand.NewPCG(5, 5))
			last, added, x := 0.0, 0.0, uint32(0)
			r := isn.Analyze(clients(600, ports, 1, func(_ netip.Addr, _ uint16, _ uint32, t float64) uint32 {
				x += step
				switch {
				case timer && t-added >= 0.5:
					x, added = x+step, t
				case !timer && rng.Float64() < (t-last)/2:
					x += step
				}
				last = t
				return x
			}), isn.Options{})
			classes = append(classes, r.Class)
			t.Logf("%s, step %d: %s %.3f", name, int32(step), r.Class, r.Confidence)
		}
		if classes[0] != classes[1] {
			t.Errorf("%s: %v up and down", name, classes)
		}
	}
}

// busyCounter are samples of a counter that other people's connections move as well,
// rate of them a second: next is asked for each connection's number.
func busyCounter(n int, rate float64, next func(rng *rand.Rand, t float64) uint32) []isn.Sample {
	rng := rand.New(rand.NewPCG(uint64(n), 17))
	last := 0.0
	ports := func(_ int, rng *rand.Rand) uint16 { return uint16(rng.UintN(60000)) }
	return clients(n, ports, 2, func(_ netip.Addr, _ uint16, _ uint32, t float64) uint32 {
		if rate > 0 {
			for at := last + rng.ExpFloat64()/rate; at < t; at += rng.ExpFloat64() / rate {
				next(rng, at)
			}
		}
		last = t
		return next(rng, t)
	})
}

// A timer may add another amount than a connection does, upwards and downwards.
func TestTimerAddsAnotherAmount(t *testing.T) {
	for _, tc := range []struct{ timer, step int32 }{{64000, 30000}, {62464, 31232}, {128, 64}, {128000, 64000}, {1000, 7}, {-64000, -30000}} {
		x, last := uint32(99), 0.0
		r := isn.Analyze(busyCounter(120, 0, func(_ *rand.Rand, t float64) uint32 {
			x += uint32(tc.step) + uint32(tc.timer)*uint32(int(2*t)-int(2*last))
			last = t
			return x
		}), isn.Options{})
		if r.Class != isn.ClassGlobalMixed || r.Confidence < 0.9 || r.Step.Value != int64(tc.step) || r.GuessesP50.Value > 4 {
			t.Errorf("%d each half second, %d a connection: %s %.3f, step %d, %.0f guesses, %v", tc.timer, tc.step, r.Class, r.Confidence, r.Step.Value, r.GuessesP50.Value, r.Standings)
		}
	}
}

// Random steps of nearly one size are told beside other people's connections; without
// those they are told for sure.
func TestNarrowStepsBesideOthers(t *testing.T) {
	for _, rate := range []float64{0, 0.5, 5, 20} {
		x := uint32(99)
		r := isn.Analyze(busyCounter(120, rate, func(rng *rand.Rand, _ float64) uint32 {
			x += 1000 + rng.Uint32N(11)
			return x
		}), isn.Options{})
		if r.Class != isn.ClassRandomIncrement && (rate < 20 || r.Class != isn.ClassUnknown) {
			t.Errorf("%g others a second: %s %.3f, %v", rate, r.Class, r.Confidence, r.Standings)
		}
	}
}

// A counter in Gray's code and a clock with 16 random bits are nobody's class: their
// numbers rise and fall, and a clock and a step of two signs explain that, which no host has.
func TestNothingCountsUpAndDown(t *testing.T) {
	n := uint32(1000)
	for name, next := range map[string]func(rng *rand.Rand, t float64) uint32{
		"Gray's code":    func(*rand.Rand, float64) uint32 { n++; return n ^ n>>1 },
		"16 random bits": func(rng *rand.Rand, t float64) uint32 { return uint32(t*250e3) + rng.Uint32N(1<<16) },
	} {
		for _, size := range []int{20, 40, 100} {
			r := isn.Analyze(busyCounter(size, 0, next), isn.Options{})
			if r.Class == isn.ClassGlobalMixed || r.Class == isn.ClassMixed && r.Confidence >= 0.9 {
				t.Errorf("%s, %d samples: %s %.3f", name, size, r.Class, r.Confidence)
			}
		}
	}
}

// Each tuple on a line of its own rate is no pool of machines.
func TestTuplesOfDifferentRatesAreNotMachines(t *testing.T) {
	ports := func(_ int, rng *rand.Rand) uint16 { return uint16(40000 + rng.IntN(6)) }
	for _, n := range []int{60, 120, 300} {
		r := isn.Analyze(clients(n, ports, 2, func(a netip.Addr, p uint16, _ uint32, t float64) uint32 {
			h := hashOf(a, p)
			return h + uint32(int64(t*(1e5+float64(h%1_000_000))))
		}), isn.Options{})
		if r.Class == isn.ClassMixed {
			t.Errorf("%d samples: %s %.3f, %d machines", n, r.Class, r.Confidence, r.Machines)
		}
	}
}

// A hash of the four-tuple beside a clock and a step that every connection makes, as
// Solaris has with strong_iss 2, is told as a clock of each tuple, and nothing of it is
// said to be left out.
func TestHashWithACounterForEverybody(t *testing.T) {
	ports := func(_ int, rng *rand.Rand) uint16 { return uint16(40000 + rng.IntN(4)) }
	for _, n := range []int{60, 150} {
		count := uint32(0)
		r := isn.Analyze(clients(n, ports, 2, func(a netip.Addr, p uint16, _ uint32, t float64) uint32 {
			count += 125000
			return hashOf(a, p) + uint32(int64(t*1e9/4096)) + count
		}), isn.Options{})
		if r.Class != isn.ClassTupleClock || r.GuessesP50.Value < 1<<30 || hasFinding(r, "address-not-hashed") || hasFinding(r, "port-not-hashed") {
			t.Errorf("%d samples: %s %.3f, %.0f guesses, %v", n, r.Class, r.Confidence, r.GuessesP50.Value, r.Factors)
		}
	}
}
