package isn_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// clockSamples answers the default plan with a hash of the port and a clock.
func clockSamples(hz float64, jitter time.Duration, rng *rand.Rand) []isn.Sample {
	var out []isn.Sample
	now := time.Duration(0)
	for _, step := range isn.NewPlan(isn.PlanConfig{}).Steps {
		now += step.Pause
		there := 2*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(jitter))
		back := 2*time.Millisecond + time.Duration(rng.ExpFloat64()*float64(jitter))
		port := uint32(step.Port) * 0x9e3779b1
		x := craft.Seq(port ^ port*port>>7).Add(uint32(uint64((now + there).Seconds() * hz)))
		out = append(out, isn.Sample{SrcPort: isn.Some(uint16(step.Port)), ClientISN: isn.Some(craft.Seq(rng.Uint32())),
			Sent: isn.Some(int64(now)), Received: isn.Some(int64(now + there + back)), ISN: isn.Some(x)})
		now += there + back
	}
	return out
}

func TestNominalRateIsNamedOnlyInsideItsInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, tc := range []struct{ hz, nominal float64 }{{15_625_000, 15_625_000}, {15_700_000, 0}, {1000, 1000}, {1_000_000, 1_000_000}} {
		r := isn.Analyze(clockSamples(tc.hz, 20*time.Microsecond, rng), isn.Options{})
		c, ok := r.Clock.Get()
		if r.Class != isn.ClassTupleClock || !ok {
			t.Fatalf("%v Hz: %v", tc.hz, r.Class)
		}
		inside := c.Low <= tc.hz && tc.hz <= c.High
		if (tc.nominal == 0 || inside) && c.Nominal != tc.nominal {
			t.Errorf("%v Hz: named %v, interval %v to %v", tc.hz, c.Nominal, c.Low, c.High)
		}
	}
}

func TestIntervalsHoldTheRate(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 2))
	held, n := 0, 200
	for range n {
		r := isn.Analyze(clockSamples(15_625_000, 2*time.Millisecond, rng), isn.Options{})
		if c := r.Clock.Value; c.Low <= 15_625_000 && 15_625_000 <= c.High {
			held++
		}
	}
	if share := float64(held) / float64(n); share < 0.91 || share > 0.99 {
		t.Errorf("%.3f of the 95 %% intervals hold the rate", share)
	}
}

func TestSplitDelaysReadTheRemoteClock(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	path := simhost.Path{RTT: 10 * time.Millisecond, Jitter: 100 * time.Microsecond}
	samples := clockSamples(15_625_000, path.Jitter, rng)
	var queued []int
	for i := range samples { // one way back is slow, and nothing else knows it
		if i%4 == 3 && samples[i].SrcPort.Value == 0 {
			samples[i].Received.Value += int64(50 * time.Millisecond)
			queued = append(queued, i)
		}
	}
	r := isn.Analyze(samples, isn.Options{})
	delays := isn.SplitDelays(&r, samples)
	if len(delays) < 8 || len(queued) == 0 {
		t.Fatalf("%d delays of %v, %d queued", len(delays), r.Class, len(queued))
	}
	for _, d := range delays {
		slow := d.Sample%4 == 3
		if d.There > 10*time.Millisecond || slow != (d.Back > 40*time.Millisecond) {
			t.Errorf("sample %d: there %v, back %v", d.Sample, d.There, d.Back)
		}
	}
}

func TestGuessesGoWithTheClass(t *testing.T) {
	for class, most := range map[isn.Class]float64{
		isn.ClassConstant: 1, isn.ClassGlobalStep: 1, isn.ClassRepeating: 1, isn.ClassGlobalClock: 1 << 20,
		isn.ClassGlobalMixed: 1 << 22, isn.ClassRandomIncrement: 1 << 28,
	} {
		_, samples := sampled(class, 3, isn.NewPlan(isn.PlanConfig{}))
		r := isn.Analyze(samples, isn.Options{})
		g, ok := r.GuessesP50.Get()
		if !ok || g > most || r.Difficulty.Value != math.Log2(g) {
			t.Errorf("%v: %v guesses (%v), want at most %v", r.Class, g, ok, most)
		}
	}
	for _, class := range []isn.Class{isn.ClassRandom, isn.ClassTupleClock, isn.ClassTupleConstant} {
		_, samples := sampled(class, 3, isn.NewPlan(isn.PlanConfig{}))
		r := isn.Analyze(samples, isn.Options{})
		if r.Difficulty.Value != 31 {
			t.Errorf("%v: difficulty %.1f bits", r.Class, r.Difficulty.Value)
		}
		if e := r.EntropyBits.Value; e > 6 {
			t.Errorf("%v: %d samples cannot show %.1f bits", r.Class, r.Samples, e)
		}
	}
}
