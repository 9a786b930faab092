package isn_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// cookieSamples draws hosts until one has the variant, and samples it.
func cookieSamples(t *testing.T, class isn.Class, variant string, plan isn.Plan) []isn.Sample {
	t.Helper()
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 5))
		host := simhost.Draw(class, rng)
		if host.Truth.Variant == variant {
			return simhost.Sample(plan, host, simhost.Path{RTT: time.Millisecond}, rng)
		}
	}
	t.Fatalf("no host with variant %s", variant)
	return nil
}

func TestCookieVariants(t *testing.T) {
	for _, tc := range []struct {
		class   isn.Class
		variant string
		inputs  []string
	}{
		{isn.ClassSYNCookies, isn.VariantLinux, []string{"client_isn", "options", "port"}},
		{isn.ClassSYNCookies, isn.VariantFreeBSD, []string{"client_isn", "options", "port"}},
		{isn.ClassSYNProxy, isn.VariantLinux, []string{"client_isn", "options", "port"}},
	} {
		r := isn.Analyze(cookieSamples(t, tc.class, tc.variant, isn.NewPlan(isn.PlanConfig{})), isn.Options{})
		if r.Class != tc.class || r.Variant != tc.variant {
			t.Errorf("got %v %s, want %v %s", r.Class, r.Variant, tc.class, tc.variant)
		}
		for _, in := range tc.inputs {
			if !slices.Contains(r.Inputs, in) {
				t.Errorf("%v %s: inputs %v lack %s", tc.class, tc.variant, r.Inputs, in)
			}
		}
	}
}

// ladderOf answers the default plan's ladder and eight plain SYNs with a
// Linux-like cookie that sees MSS values clamped to the bound.
func ladderOf(bound uint16) []isn.Sample {
	table := []uint16{536, 1300, 1440, 1460}
	var samples []isn.Sample
	add := func(i int, client craft.Seq, o isn.Offer) {
		index := 0
		for j, mss := range table {
			if min(o.MSS, bound) >= mss {
				index = j
			}
		}
		at := int64(i) * 50e6
		samples = append(samples, isn.Sample{Src: netip.MustParseAddr("192.0.2.1"), SrcPort: isn.Some[uint16](4000), ClientISN: isn.Some(client),
			Sent: isn.Some(at), Received: isn.Some(at + 1e6), ISN: isn.Some(client.Add(0xdeadbeef + uint32(index))), Offer: isn.Some(o)})
	}
	base := isn.Offer{MSS: 1460, SACK: true}
	for i := range 8 {
		add(i, craft.Seq(i*0x1234567), base)
	}
	for i, s := range isn.LadderSteps(base) {
		add(8+i, 77, s.Offer)
	}
	return samples
}

func TestLinuxCookieTellsTheMSSThatArrived(t *testing.T) {
	for bound, want := range map[uint16]uint16{9000: 1460, 1452: 1440, 1380: 1300} {
		r := isn.Analyze(ladderOf(bound), isn.Options{})
		if got, ok := r.ServerMSS.Get(); !ok || got != want || r.Variant != isn.VariantLinux {
			t.Errorf("clamped to %d: %v %q server MSS %v %v, want %d", bound, r.Class, r.Variant, got, ok, want)
		}
	}
}

// gVisor has one table for both IP versions, Linux one for each: the ladder
// tells which it climbs.
func TestCookieTablesOverIPv6(t *testing.T) {
	for bound, want := range map[uint16]uint16{9000: 1460, 1380: 1300} {
		samples := ladderOf(bound)
		for i := range samples {
			samples[i].Src = netip.MustParseAddr("2001:db8::1")
		}
		r := isn.Analyze(samples, isn.Options{})
		if got := r.ServerMSS.Value; r.Variant != isn.VariantLinux || got != want {
			t.Errorf("clamped to %d: %q server MSS %d, want %d", bound, r.Variant, got, want)
		}
	}
}

func TestMinuteCounterShowsInALongSeries(t *testing.T) {
	plan := isn.NewPlan(isn.PlanConfig{Series: []string{isn.SeriesLong}})
	plan.Quick = true // no ladder
	r := isn.Analyze(cookieSamples(t, isn.ClassSYNCookies, isn.VariantLinux, plan), isn.Options{})
	if r.Class != isn.ClassSYNCookies || !slices.Contains(r.Inputs, "time") {
		t.Errorf("got %v %s, inputs %v", r.Class, r.Variant, r.Inputs)
	}
}

func TestCookiesInFilesWithoutOffers(t *testing.T) {
	for _, variant := range []string{isn.VariantLinux, isn.VariantFreeBSD} {
		samples := cookieSamples(t, isn.ClassSYNCookies, variant, isn.NewPlan(isn.PlanConfig{}))
		for i := range samples {
			samples[i].Offer = isn.Opt[isn.Offer]{}
		}
		r := isn.Analyze(samples, isn.Options{})
		if r.Class != isn.ClassSYNCookies || r.Variant != variant {
			t.Errorf("got %v %q, want %s", r.Class, r.Variant, variant)
		}
		if r.HasFlag(isn.FlagMultiBackend) {
			t.Errorf("%s: the ladder's answers were taken for several machines", variant)
		}
	}
}

func TestEchoOfOurISN(t *testing.T) {
	var samples []isn.Sample
	for i := range 20 {
		at := int64(i) * 50e6
		client := craft.Seq(i * i * 0x1357911)
		samples = append(samples, isn.Sample{SrcPort: isn.Some(uint16(4000 + i/10*i)), ClientISN: isn.Some(client),
			Sent: isn.Some(at), Received: isn.Some(at + 1e6), ISN: isn.Some(client.Add(1))})
	}
	r := isn.Analyze(samples, isn.Options{})
	if g, ok := r.GuessesP50.Get(); r.Class != isn.ClassSYNCookies || !ok || g != 1 {
		t.Errorf("got %v, guesses %v", r.Class, r.GuessesP50)
	}
}

// A host that makes Linux's cookies takes eight numbers at a time: half of all
// forgers are through after 2^32 (1 − 2^(−1/8)) guesses.
func TestLinuxCookiesTakeEightNumbers(t *testing.T) {
	r := isn.Analyze(cookieSamples(t, isn.ClassSYNCookies, isn.VariantLinux, isn.NewPlan(isn.PlanConfig{})), isn.Options{})
	if d := r.Difficulty.Value; d < 28.40 || d > 28.42 {
		t.Errorf("%.3f bits, want 28.409", d)
	}
}

// gVisor's cookies are made as Linux's are and lose window scale and SACK, though there
// is a timestamp to keep them in.
func TestCookiesThatLoseOptionsAreNotLinuxs(t *testing.T) {
	samples := cookieSamples(t, isn.ClassSYNCookies, isn.VariantLinux, isn.NewPlan(isn.PlanConfig{}))
	for i := range samples {
		samples[i].WScale, samples[i].SACK = isn.Opt[uint8]{}, isn.Some(false)
	}
	if r := isn.Analyze(samples, isn.Options{}); r.Class != isn.ClassSYNCookies || r.Variant != isn.VariantOther {
		t.Errorf("got %v %q", r.Class, r.Variant)
	}
}

// Whose cookies they are is said where something shows it: timestamps, if nothing
// else, and each tuple may add its own constant to those. Without them it is not
// said, and the worse number of guesses holds.
func TestWhoseCookiesIsShown(t *testing.T) {
	quick := isn.QuickPlan()
	for _, tc := range []struct {
		name    string
		of      string
		change  func(s *isn.Sample)
		variant string
		bits    float64
	}{
		{"Linux", isn.VariantLinux, func(s *isn.Sample) {}, isn.VariantLinux, 28.41},
		{"Linux, a constant for each tuple", isn.VariantLinux, func(s *isn.Sample) { s.TSVal.Value += uint32(s.SrcPort.Value) * 0x9e3779b1 }, isn.VariantLinux, 28.41},
		{"Linux without timestamps", isn.VariantLinux, func(s *isn.Sample) { s.TSVal = isn.Opt[uint32]{} }, "", 28.41},
		{"timestamps that run", isn.VariantLinux, func(s *isn.Sample) { s.TSVal.Value += uint32(s.Sent.Value/1e6) % 64 }, isn.VariantOther, 31},
	} {
		samples := cookieSamples(t, isn.ClassSYNCookies, tc.of, quick)
		for i := range samples {
			samples[i].Src = netip.MustParseAddr("192.0.2.1")
			tc.change(&samples[i])
		}
		r := isn.Analyze(samples, isn.Options{})
		if d := r.Difficulty.Value; r.Class != isn.ClassSYNCookies || r.Variant != tc.variant || math.Abs(d-tc.bits) > 0.1 {
			t.Errorf("%s: %v %q, %.2f bits, want %q, %.2f", tc.name, r.Class, r.Variant, d, tc.variant, tc.bits)
		}
	}
}
