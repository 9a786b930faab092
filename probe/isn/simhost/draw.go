package simhost

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
)

// Draw makes a host of the class with random parameters. It panics on a class
// that no host has (unknown).
func Draw(class isn.Class, rng *rand.Rand) *Host {
	h := New(Truth{Class: class}, nil, rng)
	draws[class](h, rng)
	return h
}

// New makes a host with a face drawn at random whose numbers are those of gen.
// It keeps half-open connections unless its class is one of cookies.
func New(truth Truth, gen Generator, rng *rand.Rand) *Host {
	return &Host{Truth: truth, gen: gen, half: make(map[netip.AddrPort]halfOpen),
		cookies: truth.Class == isn.ClassSYNCookies || truth.Class == isn.ClassSYNProxy,
		tsBase:  rng.Uint32(), mss: pick[uint16](rng, 1460, 1440, 1400, 536), wscale: pick[uint8](rng, 7, 8, 6, 0),
		window: pick[uint16](rng, 65160, 64240, 65535, 8192, 16384, 5840), ttl: uint8(rng.IntN(200) + 30)}
}

// Drawable lists the classes that hosts have.
func Drawable() []isn.Class {
	var out []isn.Class
	for _, c := range isn.Classes() {
		if draws[c] != nil {
			out = append(out, c)
		}
	}
	return out
}

// draws sets the generator and the truth of a host, by class.
var draws = map[isn.Class]func(*Host, *rand.Rand){
	isn.ClassConstant:             drawConstant,
	isn.ClassTupleConstant:        func(h *Host, rng *rand.Rand) { h.gen = TupleConstant(newKey(rng)) },
	isn.ClassRepeating:            drawRepeating,
	isn.ClassGlobalStep:           drawStep,
	isn.ClassGlobalClock:          drawGlobalClock,
	isn.ClassGlobalMixed:          drawMixedCounter,
	isn.ClassRandomIncrement:      drawIncrement,
	isn.ClassTupleClock:           drawTupleClock,
	isn.ClassTupleRandomIncrement: drawTupleIncrement,
	isn.ClassWeakRandom:           drawWeak,
	isn.ClassRandom:               func(h *Host, rng *rand.Rand) { h.gen = Random(fork(rng)) },
	isn.ClassSYNCookies:           drawCookies,
	isn.ClassSYNProxy:             drawProxy,
	isn.ClassMixed:                drawBalanced,
}

// pick draws one of the values.
func pick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

// fork starts a source of its own.
func fork(rng *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())) }

func newKey(rng *rand.Rand) Key { return Key{rng.Uint64(), rng.Uint64()} }

func seq(rng *rand.Rand) craft.Seq { return craft.Seq(rng.Uint32()) }

// logUniform draws from low to high, each octave alike.
func logUniform(rng *rand.Rand, low, high float64) float64 {
	return low * math.Pow(high/low, rng.Float64())
}

func drawConstant(h *Host, rng *rand.Rand) {
	h.gen = Constant(pick(rng, 0, 1, seq(rng)))
}

func drawRepeating(h *Host, rng *rand.Rand) {
	cycle := make([]craft.Seq, 2+rng.IntN(8))
	for i := range cycle {
		cycle[i] = seq(rng)
	}
	h.gen = Repeating(cycle)
}

func drawStep(h *Host, rng *rand.Rand) {
	step := pick(rng, 1, 64000, 800, 128, 4096, 250000, uint32(logUniform(rng, 2, 1<<27)))
	h.Truth.Step = int64(step)
	h.gen = Counter(seq(rng), step, 0, 1, 0)
}

// rate draws a clock: a known one, a slow tick, or any, off by what crystals
// are off.
func rate(rng *rand.Rand) float64 {
	hz := pick(rng, 15_625_000, 7_812_500, 31_250_000, 1_000_000, 250_000, 1000,
		1+99*rng.Float64(), logUniform(rng, 200, 1e8))
	return hz * (1 + 50e-6*rng.NormFloat64())
}

// tick draws how many counts a clock moves at once: mostly one, sometimes a
// hundredth of a second's.
func tick(rng *rand.Rand, hz float64) float64 {
	if hz > 1000 && rng.IntN(6) == 0 {
		return math.Round(hz / 100)
	}
	return 1
}

func drawGlobalClock(h *Host, rng *rand.Rand) {
	hz := rate(rng)
	h.Truth.Hz = hz
	h.gen = Counter(seq(rng), 0, hz, tick(rng, hz), rng.Float64())
}

func drawMixedCounter(h *Host, rng *rand.Rand) {
	step, hz, tick := 64000.0, 128000.0, 64000.0
	h.Truth.Kind = "4.4BSD"
	if rng.IntN(3) > 0 {
		step = math.Round(logUniform(rng, 100, 1e6))
		hz, tick = step*logUniform(rng, 0.3, 15), 1
		h.Truth.Kind = "any"
	}
	h.Truth.Step, h.Truth.Hz = int64(step), hz
	h.gen = Counter(seq(rng), uint32(step), hz, tick, rng.Float64())
}

// bounds draws a range of increments.
func bounds(rng *rand.Rand) (low, high uint32) {
	high = uint32(logUniform(rng, 1<<8, 1<<26))
	return pick(rng, 1, high/4), high
}

func drawIncrement(h *Host, rng *rand.Rand) {
	low, high := bounds(rng)
	h.gen = Increment(seq(rng), low, high, fork(rng))
}

func drawTupleIncrement(h *Host, rng *rand.Rand) {
	low, high := bounds(rng)
	h.gen = TupleIncrement(newKey(rng), low, high, fork(rng))
}

func drawTupleClock(h *Host, rng *rand.Rand) {
	hz := rate(rng)
	h.Truth.Hz = hz
	h.gen = TupleClock(newKey(rng), hz, tick(rng, hz), rng.Float64())
}

func drawCookies(h *Host, rng *rand.Rand) {
	h.cookies = true
	switch rng.IntN(6) {
	case 0, 1:
		h.setLinuxCookie(rng)
	case 2, 3:
		h.Truth.Variant, h.gen = isn.VariantFreeBSD, FreeBSDCookie(newKey(rng))
	case 4:
		h.Truth.Variant, h.Truth.Kind = isn.VariantOther, "keyed"
		h.gen = KeyedCookie(newKey(rng), 64*time.Second)
	case 5:
		h.Truth.Variant, h.Truth.Kind = isn.VariantOther, "offset"
		h.gen = OffsetCookie(newKey(rng))
	}
}

// setLinuxCookie makes the host answer with Linux's cookies.
func (h *Host) setLinuxCookie(rng *rand.Rand) {
	h.cookies, h.tsCode = true, true
	h.Truth.Variant = isn.VariantLinux
	h.gen = LinuxCookie(newKey(rng), newKey(rng), LinuxMSS, pick[uint16](rng, 9000, 9000, 1380))
}

func drawProxy(h *Host, rng *rand.Rand) {
	h.setLinuxCookie(rng)
	h.window = 0
	if rng.IntN(4) == 0 {
		h.tsCode, h.Truth.Variant = false, isn.VariantOther
		h.gen = OffsetCookie(newKey(rng))
	}
}

func drawBalanced(h *Host, rng *rand.Rand) {
	backends := make([]Generator, 2+rng.IntN(3))
	switch rng.IntN(3) {
	case 0, 1:
		hz := rate(rng)
		for hz < 1000 {
			hz = rate(rng)
		}
		h.Truth.Kind, h.Truth.Hz = "clocks", hz
		for i := range backends {
			backends[i] = TupleClock(newKey(rng), hz*(1+20e-6*rng.NormFloat64()), 1, rng.Float64())
		}
	case 2:
		h.Truth.Kind = "counters"
		step := uint32(logUniform(rng, 1, 1<<20))
		for i := range backends {
			backends[i] = Counter(craft.Seq(uint32(i)<<30+rng.Uint32N(1<<29)), step, 0, 1, 0)
		}
	}
	h.gen = Balanced(fork(rng), backends...)
}
