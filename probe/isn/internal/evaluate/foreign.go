package evaluate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Foreign is one host sampled by somebody else's plan, and what was lost of it.
type Foreign struct {
	Outcome
	Plan     string // how the SYNs were laid out
	Missing  string // the column that the file has not got, "" none
	Others   float64
	Outliers int
	Shuffled bool
	Sources  int    // addresses of ours that were sampled from, in the file or not
	whole    layout // before a column was lost
	Samples  []isn.Sample
}

// foreignPlans are layouts that are not ours.
var foreignPlans = []struct {
	name string
	make func(rng *rand.Rand, n int) []isn.Step
}{
	{"even spacing", func(rng *rand.Rand, n int) []isn.Step {
		gap := time.Duration(logUniform(rng, 10e6, 500e6))
		return steps(n, func(i int) isn.Step { return isn.Step{Pause: gap, Port: i / (1 + n/12) % 12} })
	}},
	{"one tuple", func(rng *rand.Rand, n int) []isn.Step {
		return steps(n, func(int) isn.Step { return isn.Step{Pause: uneven(rng)} })
	}},
	{"ports only", func(rng *rand.Rand, n int) []isn.Step {
		return steps(n, func(i int) isn.Step { return isn.Step{Pause: uneven(rng), Port: i} })
	}},
	{"nmap's six", func(*rand.Rand, int) []isn.Step {
		return steps(6, func(i int) isn.Step { return isn.Step{Pause: 100 * time.Millisecond, Port: i} })
	}},
	{"mixed series", func(rng *rand.Rand, n int) []isn.Step {
		ports, addresses := 2+rng.IntN(30), 1+rng.IntN(4)
		return steps(n, func(int) isn.Step {
			s := isn.Step{Pause: uneven(rng), Port: rng.IntN(ports), Addr: rng.IntN(addresses)}
			if rng.IntN(2) == 0 {
				s.Port, s.Addr = 0, 0
			}
			return s
		})
	}},
	{"ours, with addresses", func(*rand.Rand, int) []isn.Step {
		return isn.NewPlan(isn.PlanConfig{Addresses: 4}).Steps
	}},
}

// steps lays out n SYNs with the usual options.
func steps(n int, step func(i int) isn.Step) []isn.Step {
	out := make([]isn.Step, n)
	for i := range out {
		out[i] = step(i)
		out[i].Series = "foreign"
		out[i].Offer = isn.Offer{MSS: 1460, WScale: isn.Some[uint8](7), SACK: true, Timestamps: true}
	}
	return out
}

// uneven draws a pause: as often none as a long one.
func uneven(rng *rand.Rand) time.Duration {
	if rng.IntN(3) == 0 {
		return 0
	}
	return time.Duration(logUniform(rng, 5e6, 1.5e9))
}

func logUniform(rng *rand.Rand, low, high float64) float64 {
	return low * math.Pow(high/low, rng.Float64())
}

// columns are those that a file may lack.
var columns = []string{"", "", "", "time", "client_isn", "src", "sport", "syn_options"}

// DrawForeign draws a host, a plan and what becomes of its file.
func DrawForeign(seed uint64, jitter time.Duration) Foreign {
	rng := rand.New(rand.NewPCG(seed, uint64(jitter)+99))
	host := foreignHost(rng)
	path := simhost.DrawPath(jitter, rng)
	if rng.IntN(2) == 0 {
		path.Others = logUniform(rng, 0.1, 100)
	}
	p := foreignPlans[rng.IntN(len(foreignPlans))]
	n := int(logUniform(rng, 20, 300))
	if rng.IntN(10) == 0 {
		n = 300 + rng.IntN(700)
	}
	f := Foreign{Plan: p.name, Missing: pick(rng, columns...), Others: path.Others}
	samples := simhost.Sample(isn.Plan{Steps: p.make(rng, n), Quick: true}, host, path, rng)
	f.Outliers, f.whole = disturb(samples, rng), layoutOf(samples)
	f.Sources = f.whole.addresses
	for i := range samples {
		forget(&samples[i], f.Missing)
	}
	if f.Shuffled = f.Missing != "time" && rng.IntN(3) == 0; f.Shuffled {
		rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	}
	f.Samples = samples
	f.Outcome = Outcome{Seed: seed, Truth: host.Truth, Path: path, Report: isn.Analyze(samples, isn.Options{})}
	return f
}

// disturb puts up to three random numbers in the place of true ones.
func disturb(samples []isn.Sample, rng *rand.Rand) int {
	if rng.IntN(2) == 0 || len(samples) < 12 {
		return 0
	}
	n := 1 + rng.IntN(3)
	for range n {
		if s := &samples[rng.IntN(len(samples))]; s.ISN.OK {
			s.ISN.Value = seq(rng)
		}
	}
	return n
}

// Right reports whether the class was found. A clock that each address has for itself
// is everybody's as far as one address can see.
func (f *Foreign) Right() bool {
	if f.Truth.Kind == "port not hashed" && f.Report.Class == isn.ClassGlobalClock {
		return f.Sources == 1
	}
	return f.Outcome.Right()
}

// String tells the host and what was said of it in a line.
func (f *Foreign) String() string {
	r := &f.Report
	return fmt.Sprintf("seed %d jitter %v: %s %s, %g Hz, step %d; %s, without %q, %.1f others a second, %d strangers, %d samples, knowable %v: %s %s %.3f (next %s, %.1f bits)",
		f.Seed, f.Path.Jitter, f.Truth.Class, f.Truth.Kind, f.Truth.Hz, f.Truth.Step, f.Plan, f.Missing, f.Others, f.Outliers,
		r.Samples, f.Knowable(), r.Class, r.Variant, r.Confidence, r.RunnerUp, r.BitsBetween)
}

// forget empties a column.
func forget(s *isn.Sample, column string) {
	switch column {
	case "time":
		s.Sent, s.Received = isn.Opt[int64]{}, isn.Opt[int64]{}
	case "client_isn":
		s.ClientISN = isn.Opt[craft.Seq]{}
	case "src":
		s.Src = netip.Addr{}
	case "sport":
		s.SrcPort = isn.Opt[uint16]{}
	case "syn_options":
		s.Offer = isn.Opt[isn.Offer]{}
	}
}

// foreignHost draws a host of any class; clocks hash all, either or nothing of
// address and port, and may be up to four machines.
func foreignHost(rng *rand.Rand) *simhost.Host {
	classes := simhost.Drawable()
	class := classes[rng.IntN(len(classes))]
	if class != isn.ClassTupleClock {
		return simhost.Draw(class, rng)
	}
	hz := pick(rng, 15_625_000, 7_812_500, 31_250_000, 1_000_000, 250_000, logUniform(rng, 1000, 5e7))
	hidden := rng.IntN(4) // 1: the port is not hashed, 2: the address is not
	clock := simhost.TupleClock(secret(rng), skewed(rng, hz), 1, rng.Float64())
	gen := simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
		switch hidden {
		case 1:
			s.Src = netip.AddrPortFrom(s.Src.Addr(), 0)
		case 2:
			s.Src = netip.AddrPortFrom(netip.IPv4Unspecified(), s.Src.Port())
		}
		return clock.Next(s)
	})
	kind := [...]string{"", "port not hashed", "address not hashed", ""}[hidden]
	return simhost.New(simhost.Truth{Class: class, Kind: kind, Hz: hz}, gen, rng)
}
