package isn_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/internal/evaluate"
	"synscope/probe/isn/simhost"
)

// sampled draws a host of the class and samples it over a clean path.
func sampled(class isn.Class, seed uint64, plan isn.Plan) (*simhost.Host, []isn.Sample) {
	rng := rand.New(rand.NewPCG(seed, 77))
	host := simhost.Draw(class, rng)
	path := simhost.Path{RTT: 2 * time.Millisecond, Jitter: 200 * time.Microsecond}
	return host, simhost.Sample(plan, host, path, rng)
}

func TestEveryClassIsFound(t *testing.T) {
	t.Parallel()
	for _, class := range simhost.Drawable() {
		t.Run(class.String(), func(t *testing.T) {
			wrong, hosts := 0, evaluate.Many(8, 200)
			for seed := range uint64(hosts) {
				host, samples := sampled(class, seed, isn.NewPlan(isn.PlanConfig{}))
				r := isn.Analyze(samples, isn.Options{})
				if r.Class != class || r.Variant != host.Truth.Variant && host.Truth.Variant != "" {
					wrong++
					t.Logf("seed %d %s: %v %s %.3f %v", seed, host.Truth.Kind, r.Class, r.Variant, r.Confidence, r.Findings)
				}
			}
			if wrong > 1+hosts/40 {
				t.Errorf("%d of %d hosts wrong", wrong, hosts)
			}
		})
	}
}

func TestQuickPlanIsNeverSureOfRandom(t *testing.T) {
	for _, class := range []isn.Class{isn.ClassRandom, isn.ClassWeakRandom} {
		for seed := range uint64(evaluate.Many(8, 200)) {
			_, samples := sampled(class, seed, isn.QuickPlan())
			r := isn.Analyze(samples, isn.Options{})
			if r.Class == isn.ClassRandom {
				t.Errorf("%v, seed %d: random from %d samples", class, seed, r.Samples)
			}
			if r.Class == isn.ClassUnknown && !hasFinding(r, "undecided") {
				t.Errorf("unknown without saying what is missing: %v", r.Findings)
			}
		}
	}
}

func hasFinding(r isn.Report, code string) bool {
	return slices.ContainsFunc(r.Findings, func(f isn.Finding) bool { return f.Code == code })
}

func TestOrderAndSeriesNamesDoNotMatter(t *testing.T) {
	for _, class := range simhost.Drawable() {
		_, samples := sampled(class, 9, isn.NewPlan(isn.PlanConfig{}))
		want := isn.Analyze(samples, isn.Options{})
		rng := rand.New(rand.NewPCG(5, 5))
		rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		for i := range samples {
			samples[i].Series = fmt.Sprint("series ", i)
		}
		got := isn.Analyze(samples, isn.Options{})
		if got.Class != want.Class || got.Confidence != want.Confidence || got.Clock != want.Clock {
			t.Errorf("%v: %v %v became %v %v", class, want.Class, want.Clock, got.Class, got.Clock)
		}
	}
}

func TestTooFewSamples(t *testing.T) {
	for n := range 3 {
		samples := make([]isn.Sample, n)
		for i := range samples {
			samples[i].ISN = isn.Some(craft.Seq(7))
		}
		r := isn.Analyze(samples, isn.Options{})
		if r.Class != isn.ClassUnknown || r.Confidence != 0 || !hasFinding(r, "too-few-samples") {
			t.Errorf("%d samples: %+v", n, r)
		}
	}
}

func TestNumbersWithoutTimesOrTuples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	samples := make([]isn.Sample, 30)
	for i := range samples {
		samples[i].ISN = isn.Some(craft.Seq(rng.Uint32()))
	}
	if r := isn.Analyze(samples, isn.Options{}); r.Class != isn.ClassUnknown {
		t.Errorf("bare random numbers: %v %.2f", r.Class, r.Confidence)
	}
	for i := range samples {
		samples[i].ISN = isn.Some(craft.Seq(0))
		samples[i].SrcPort = isn.Some(uint16(i))
	}
	if r := isn.Analyze(samples, isn.Options{}); r.Class != isn.ClassConstant {
		t.Errorf("zeros: %v", r.Class)
	}
}

func TestEvenSpacingIsNotSplit(t *testing.T) {
	samples := make([]isn.Sample, 20)
	for i := range samples {
		at := int64(i) * 100e6
		samples[i] = isn.Sample{SrcPort: isn.Some(uint16(i)), Sent: isn.Some(at), Received: isn.Some(at + 1e6),
			ISN: isn.Some(craft.Seq(uint32(i)*25000 + uint32(i*i%7)))}
	}
	r := isn.Analyze(samples, isn.Options{})
	if r.Confidence > 0.7 && r.Class == isn.ClassGlobalClock {
		t.Errorf("sure of %v (%.2f) though count and time are collinear: %v", r.Class, r.Confidence, r.Findings)
	}
}

func TestStaleHalfOpenIsNotAConstant(t *testing.T) {
	samples := make([]isn.Sample, 0, 20)
	for i := range 20 {
		at := int64(i*i) * 20e6
		s := isn.Sample{SrcPort: isn.Some(uint16(1)), ClientISN: isn.Some(craft.Seq(i * 7919)),
			Sent: isn.Some(at), Received: isn.Some(at + 1e6), ISN: isn.Some(craft.Seq(1000))}
		if i >= 8 {
			s.SrcPort, s.ISN = isn.Some(uint16(i)), isn.Some(craft.Seq(1000+64000*(i-7)))
		}
		samples = append(samples, s)
	}
	r := isn.Analyze(samples, isn.Options{})
	if r.Class != isn.ClassGlobalStep || !r.HasFlag(isn.FlagStaleHalfOpen) {
		t.Errorf("got %v %v", r.Class, r.Flags)
	}
}

// processorTime is what this process has used up, which no busy neighbour lengthens.
func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestManySamples(t *testing.T) {
	t.Parallel()
	for _, class := range []isn.Class{isn.ClassRandom, isn.ClassTupleClock, isn.ClassGlobalMixed, isn.ClassSYNCookies} {
		samples := manySamples(class, 100_000, 20_000)
		start := processorTime()
		r := isn.Analyze(samples, isn.Options{})
		took := processorTime() - start
		t.Logf("%v: %d samples in %v: %v %.3f", class, len(samples), took, r.Class, r.Confidence)
		if r.Class != class || r.Confidence < 0.75 { // no SYN was sent twice, which might show a cookie
			t.Errorf("%v: got %v %.3f: %v", class, r.Class, r.Confidence, r.Findings)
		}
	}
}

// Where only four ports or two addresses were sampled, what each has of its own is
// not taken for a machine.
func TestFewTuples(t *testing.T) {
	clock := simhost.TupleClock(simhost.Key{3, 4}, 250_000, 1, 0)
	byAddress := simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
		s.Src = netip.AddrPortFrom(s.Src.Addr(), 0)
		return clock.Next(s)
	})
	for _, tc := range []struct {
		gen   simhost.Generator
		ports int
		class isn.Class
	}{
		{clock, 4, isn.ClassTupleClock},
		{simhost.TupleIncrement(simhost.Key{5, 6}, 1, 5000, rand.New(rand.NewPCG(1, 1))), 4, isn.ClassTupleRandomIncrement},
		{simhost.TupleConstant(simhost.Key{7, 8}), 4, isn.ClassTupleConstant},
		{byAddress, 100, isn.ClassTupleClock},
	} {
		rng := rand.New(rand.NewPCG(33, 34))
		plan := isn.NewPlan(isn.PlanConfig{Addresses: 1 + tc.ports/100})
		for i := range plan.Steps {
			plan.Steps[i].Port %= tc.ports
		}
		host := simhost.New(simhost.Truth{Class: tc.class}, tc.gen, rng)
		if r := isn.Analyze(simhost.Sample(plan, host, simhost.Path{RTT: time.Millisecond}, rng), isn.Options{}); r.Class != tc.class {
			t.Errorf("%d ports, %d addresses: %s, want %s: %v", tc.ports, 1+tc.ports/100, r.Class, tc.class, r.Findings)
		}
	}
}

// A generator that no search knows, but that only shifts and XORs, shows in the
// numbers of many ports.
func TestManyPortsShowLinearGenerators(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	x, y, z := rng.Uint32(), rng.Uint32(), rng.Uint32()
	gen := simhost.GeneratorFunc(func(simhost.SYN) craft.Seq {
		x ^= x << 16
		x ^= x >> 5
		x ^= x << 1
		x, y, z = y, z, x^y^z
		return craft.Seq(z)
	})
	host := simhost.New(simhost.Truth{Class: isn.ClassWeakRandom}, gen, rng)
	plan := isn.NewPlan(isn.PlanConfig{Series: []string{isn.SeriesSameTuple, isn.SeriesMany}})
	r := isn.Analyze(simhost.Sample(plan, host, simhost.Path{RTT: time.Millisecond, Loss: 0.01}, rng), isn.Options{})
	if g := r.GuessesP50.Value; r.Class != isn.ClassWeakRandom || !strings.HasPrefix(r.Variant, "linear over bits") || g > 2 {
		t.Errorf("%s %s, %.0f guesses", r.Class, r.Variant, g)
	}
}
