package isn_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// stackPath is like a veth's.
var stackPath = simhost.Path{RTT: 300 * time.Microsecond, Jitter: 40 * time.Microsecond, Loss: 0.01}

// ofStack samples a stack by our plan from four addresses.
func ofStack(gen simhost.Generator, others float64, seed uint64, plan isn.Plan) []isn.Sample {
	rng := rand.New(rand.NewPCG(seed, 6))
	path := stackPath
	path.Others = others
	return simhost.Sample(plan, simhost.New(simhost.Truth{}, gen, rng), path, rng)
}

func fourAddresses() isn.Plan { return isn.NewPlan(isn.PlanConfig{Addresses: 4}) }

func TestStacksOfOthers(t *testing.T) {
	for seed := range uint64(6) {
		key := simhost.Key{seed, 77}
		for _, tc := range []struct {
			name    string
			samples []isn.Sample
			classes []isn.Class
			step    int64
			most    float64 // guesses
			warning string
		}{
			{"passt", ofStack(simhost.Passt(key), 0, seed, fourAddresses()), []isn.Class{isn.ClassTupleClock}, 0, 1e5, "address-not-hashed"},
			{"libslirp", ofStack(simhost.Slirp(1), 0, seed, fourAddresses()), []isn.Class{isn.ClassGlobalMixed, isn.ClassGlobalStep}, 64000, 4, "counter"},
			{"libslirp, busy", ofStack(simhost.Slirp(1), 20, seed, fourAddresses()), []isn.Class{isn.ClassGlobalMixed, isn.ClassGlobalStep}, 64000, 100, "counter"},
			{"lwIP", ofStack(simhost.LwIP(time.Minute), 0, seed, fourAddresses()), []isn.Class{isn.ClassGlobalStep}, 0, 1000, "rising-step"},
			{"lwIP, busy", ofStack(simhost.LwIP(30*time.Second), 20, seed, fourAddresses()), []isn.Class{isn.ClassGlobalStep}, 0, 1e5, "rising-step"},
			{"lwIP, up for a day", ofStack(simhost.LwIP(24*time.Hour), 20, seed, fourAddresses()), []isn.Class{isn.ClassGlobalStep}, 0, 1e7, ""},
			{"seqs, one tuple", ofStack(simhost.Counter(0, 100, 0, 1, 0), 0, seed, isn.NewPlan(isn.PlanConfig{Series: []string{isn.SeriesSameTuple}})),
				[]isn.Class{isn.ClassGlobalStep}, 100, 1, "counter"},
		} {
			r := isn.Analyze(tc.samples, isn.Options{})
			g, ok := r.GuessesP50.Get()
			if !slices.Contains(tc.classes, r.Class) || tc.step != 0 && r.Step.Value != tc.step || !ok || g > tc.most || tc.warning != "" && !hasFinding(r, tc.warning) {
				t.Errorf("%s, seed %d: %s %.3f, step %d, %.0f guesses: %v", tc.name, seed, r.Class, r.Confidence, r.Step.Value, g, r.Findings)
			}
		}
	}
}

// A healthy clock of which one port is sampled long and another once an address is
// not told to leave the port out of its hash.
func TestPortSampledOnceIsNotSaidUnhashed(t *testing.T) {
	plan := isn.NewPlan(isn.PlanConfig{Addresses: 4, Series: []string{isn.SeriesLong, isn.SeriesVariedAddress}})
	plan.Quick = true
	r := isn.Analyze(ofStack(simhost.TupleClock(simhost.Key{3, 9}, 15_625_000, 1, 0), 0, 1, plan), isn.Options{})
	if r.Class != isn.ClassTupleClock || hasFinding(r, "port-not-hashed") || hasFinding(r, "address-not-hashed") || r.Difficulty.Value != 31 {
		t.Errorf("%s, %.1f bits: %v", r.Class, r.Difficulty.Value, r.Findings)
	}
}

// Where the hash leaves the port out, and ports were varied, it is said.
func TestPortLeftOutOfTheHash(t *testing.T) {
	clock := simhost.TupleClock(simhost.Key{3, 9}, 15_625_000, 1, 0)
	byAddress := simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
		s.Src = netip.AddrPortFrom(s.Src.Addr(), 0)
		return clock.Next(s)
	})
	r := isn.Analyze(ofStack(byAddress, 0, 2, fourAddresses()), isn.Options{})
	if r.Class != isn.ClassTupleClock || !hasFinding(r, "port-not-hashed") || slices.Contains(r.Inputs, "port") {
		t.Errorf("%s moves with %v: %v", r.Class, r.Inputs, r.Findings)
	}
}

// One slow first answer widens nothing but its own moment.
func TestFirstAnswerSlow(t *testing.T) {
	samples := ofStack(simhost.TupleClock(simhost.Key{5, 5}, 15_625_000, 1, 0), 0, 3, isn.NewPlan(isn.PlanConfig{}))
	samples[0].Sent.Value -= int64(24 * time.Millisecond) // the SYN waited on the way there
	r := isn.Analyze(samples, isn.Options{})
	if c := r.Clock.Value; r.Class != isn.ClassTupleClock || c.Low > 15_625_000 || c.High < 15_625_000 || c.High-c.Low > 2000 {
		t.Errorf("%s, %.0f to %.0f counts a second", r.Class, c.Low, c.High)
	}
}

// Without a column nothing is said of what it would have shown.
func TestMissingColumnsWiden(t *testing.T) {
	for _, tc := range []struct {
		name   string
		gen    simhost.Generator
		forget func(*isn.Sample)
		never  isn.Class
	}{
		{"times", simhost.TupleClock(simhost.Key{6, 6}, 15_625_000, 1, 0), func(s *isn.Sample) { s.Sent, s.Received = isn.Opt[int64]{}, isn.Opt[int64]{} }, isn.ClassTupleRandomIncrement},
		{"our ISN", simhost.OffsetCookie(simhost.Key{7, 7}), func(s *isn.Sample) { s.ClientISN = isn.Opt[craft.Seq]{} }, isn.ClassWeakRandom},
		{"ports", simhost.TupleClock(simhost.Key{8, 8}, 15_625_000, 1, 0), func(s *isn.Sample) { s.SrcPort = isn.Opt[uint16]{} }, isn.ClassMixed},
	} {
		samples := ofStack(tc.gen, 0, 4, isn.NewPlan(isn.PlanConfig{}))
		for i := range samples {
			tc.forget(&samples[i])
		}
		r := isn.Analyze(samples, isn.Options{})
		if r.Class == tc.never || r.Class != isn.ClassUnknown || !hasFinding(r, "undecided") {
			t.Errorf("without %s: %s %.3f: %v", tc.name, r.Class, r.Confidence, r.Findings)
		}
	}
}

// Two machines are two, whichever of them answered how often.
func TestTwoMachinesAreTwo(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 8))
		gen := simhost.Balanced(rng, simhost.TupleClock(simhost.Key{seed, 1}, 15_625_000, 1, 0), simhost.TupleClock(simhost.Key{seed, 2}, 15_625_100, 1, 0))
		r := isn.Analyze(ofStack(gen, 0, seed, fourAddresses()), isn.Options{})
		if r.Machines != 2 || r.Class != isn.ClassMixed {
			t.Errorf("seed %d: %s, %d machines: %v", seed, r.Class, r.Machines, r.Findings)
		}
	}
}
