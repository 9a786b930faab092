package isn_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
)

// onOnePort are samples of a clock of one line an address, from one port, with
// microseconds of jitter.
func onOnePort(hz float64, n int, sources []netip.Addr, rng *rand.Rand) []isn.Sample {
	var samples []isn.Sample
	at := int64(1e18)
	for i := range n * len(sources) {
		src := i % len(sources)
		at += []int64{60_000, 200e6, 50e6, 110_000}[i/len(sources)%4]
		there, back := int64(20e3*(1+rng.ExpFloat64())), int64(20e3*(1+rng.ExpFloat64()))
		x := craft.Seq(uint64(float64(at-1e18+there)*hz/1e9) + uint64(src)<<29)
		samples = append(samples, isn.Sample{Src: sources[src], SrcPort: isn.Some[uint16](4000), ClientISN: isn.Some(craft.Seq(rng.Uint32())),
			Sent: isn.Some(at), Received: isn.Some(at + there + back), ISN: isn.Some(x)})
	}
	return samples
}

// A clock on one tuple says nothing about other tuples: no class, no backends,
// but a rate and lines for the remote clock.
func TestLoneClock(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	for seed := range uint64(12) {
		for _, n := range []int{8, 22, 60} {
			samples := onOnePort(15_625_000, n, []netip.Addr{a}, rand.New(rand.NewPCG(seed, 1)))
			r := isn.Analyze(samples, isn.Options{})
			c, ok := r.Clock.Get()
			if r.Class != isn.ClassUnknown || r.Confidence != 0 || !ok || c.Hz < 15.6e6 || c.Hz > 15.65e6 || r.HasFlag(isn.FlagMultiBackend) {
				t.Errorf("seed %d, %d samples: %s %.2f, %+v, %v", seed, n, r.Class, r.Confidence, c, r.Flags)
			}
			if d := isn.SplitDelays(&r, samples); len(d) != n || isn.SpreadOf(d).There > 100*time.Microsecond {
				t.Errorf("seed %d: %d of %d delays split, %+v", seed, len(d), n, isn.SpreadOf(d))
			}
		}
	}
}

// A port that was never varied is not said to make no difference.
func TestPortNotVaried(t *testing.T) {
	sources := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	r := isn.Analyze(onOnePort(15_625_000, 12, sources, rand.New(rand.NewPCG(1, 1))), isn.Options{})
	if r.Class != isn.ClassTupleClock || !slices.Contains(r.Inputs, "address") {
		t.Errorf("%s moves with %v", r.Class, r.Inputs)
	}
	for _, f := range r.Findings {
		if f.Code == "port-not-hashed" {
			t.Errorf("%s: %s", f.Code, f.Text)
		}
	}
}
