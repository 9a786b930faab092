package isn_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// linuxFaced samples a host of any generator behind Linux's face.
func linuxFaced(gen simhost.Generator) []isn.Sample {
	rng := rand.New(rand.NewPCG(21, 22))
	host := simhost.New(simhost.Truth{Class: isn.ClassRandom}, gen, rng)
	samples := simhost.Sample(isn.NewPlan(isn.PlanConfig{}), host, simhost.Path{RTT: 2 * time.Millisecond}, rng)
	for i := range samples {
		s := &samples[i]
		s.TTL, s.Window = isn.Some[uint8](63), isn.Some[uint16](65160)
		if s.WScale.OK {
			s.WScale = isn.Some[uint8](7)
		}
	}
	return samples
}

// contradicted reports whether the finding is there; the class stays.
func contradicted(t *testing.T, samples []isn.Sample, want isn.Class) bool {
	t.Helper()
	r := isn.Analyze(samples, isn.Options{})
	if r.Class != want {
		t.Errorf("called %s, want %s", r.Class, want)
	}
	return slices.ContainsFunc(r.Findings, func(f isn.Finding) bool { return f.Code == "isn-contradicts-options" })
}

func TestNumbersThatAreNotLinuxs(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	for _, tc := range []struct {
		gen   simhost.Generator
		class isn.Class
		want  bool
	}{
		{simhost.Random(rng), isn.ClassRandom, true},
		{simhost.Counter(5, 64000, 0, 1, 0), isn.ClassGlobalStep, true},
		{simhost.TupleClock(simhost.Key{1, 2}, 250_000, 1, 0), isn.ClassTupleClock, true},
		{simhost.TupleClock(simhost.Key{1, 2}, 15_625_000, 1, 0), isn.ClassTupleClock, false},
	} {
		if got := contradicted(t, linuxFaced(tc.gen), tc.class); got != tc.want {
			t.Errorf("%s: finding %v, want %v", tc.class, got, tc.want)
		}
	}
}

// One sign less, and the face is not Linux's.
func TestFacesThatAreNotLinuxs(t *testing.T) {
	for name, change := range map[string]func(i int, s *isn.Sample){
		"a window of its own":         func(_ int, s *isn.Sample) { s.Window = isn.Some[uint16](65535) },
		"one other window":            func(i int, s *isn.Sample) { s.Window = isn.Some(s.Window.Value - uint16(min(i, 1))) },
		"TTL 128":                     func(_ int, s *isn.Sample) { s.TTL = isn.Some[uint8](127) },
		"no timestamps":               func(_ int, s *isn.Sample) { s.TSVal = isn.Opt[uint32]{} },
		"timestamps of each tuple":    func(_ int, s *isn.Sample) { s.TSVal = isn.Some(s.TSVal.Value + 7919*uint32(s.SrcPort.Value)) },
		"timestamps at random":        func(_ int, s *isn.Sample) { s.TSVal = isn.Some(uint32(s.ISN.Value * craft.Seq(2654435761))) },
		"timestamps at 100 a second":  func(_ int, s *isn.Sample) { s.TSVal = isn.Some(s.TSVal.Value / 10) },
		"SACK refused":                func(_ int, s *isn.Sample) { s.SACK = isn.Some(false) },
		"no window scale in anything": func(_ int, s *isn.Sample) { s.WScale = isn.Opt[uint8]{} },
	} {
		samples := linuxFaced(simhost.Random(rand.New(rand.NewPCG(25, 26))))
		for i := range samples {
			change(i, &samples[i])
		}
		if contradicted(t, samples, isn.ClassRandom) {
			t.Errorf("%s: still taken for Linux", name)
		}
	}
}
