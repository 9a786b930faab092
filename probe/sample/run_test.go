package sample_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

// The class of every kind of model host is found through the whole engine, at
// once and without mixing, over IPv4 and IPv6.
func TestEveryClass(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := world{Config: path(simnet.Path{Delay: 3 * ms, Jitter: ms / 2}), hosts: map[netip.Addr]simnet.Host{}}
			want := map[netip.AddrPort]isn.Class{}
			cfg := sample.Config{Seed: [32]byte{9}} // our ISNs and the hosts' are the same each time
			for i, class := range simhost.Drawable() {
				a := netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)})
				if v6 {
					a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i + 1)})
				}
				w.hosts[a] = drawn(class, 3)
				dst := netip.AddrPortFrom(a, 80)
				want[dst] = class
				cfg.Targets = append(cfg.Targets, dst)
			}
			g, summary, err := w.run(t, t.Context(), cfg)
			if err != nil || !summary.Complete || summary.Probes != uint64(len(want)) {
				t.Fatalf("%v, %+v", err, summary)
			}
			for dst, class := range want {
				r := g.result(t, dst)
				if r.Report.Class != class {
					t.Errorf("%s: %s %.3f, want %s", dst, r.Report.Class, r.Report.Confidence, class)
				}
				if r.State != probe.StateOpen || !r.Whole() {
					t.Errorf("%s: %s (%s)", dst, r.State, r.Reason)
				}
				if len(g.samples[dst]) != len(r.Samples) {
					t.Errorf("%s: %d samples told, %d in the result", dst, len(g.samples[dst]), len(r.Samples))
				}
				if r.Clock != netraw.ClockKernel {
					t.Errorf("%s: clock %s", dst, r.Clock)
				}
			}
		})
	}
}

// One target's SYNs leave one after the other, each after the exact RST for the
// one before, every one with an ISN of its own, from the ports of the plan.
func TestSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var syns, resets []craft.Segment
		cfg := path(simnet.Path{Delay: 5 * ms})
		see := []func(simnet.Event){outgoing(craft.SYN, &syns), outgoing(craft.RST, &resets)}
		cfg.Observe = func(e simnet.Event) {
			for _, f := range see {
				f(e)
			}
			if len(syns) > len(resets)+1 {
				t.Errorf("SYN %d left before the RST for the one before", len(syns))
			}
		}
		start := time.Now()
		plan := isn.NewPlan(isn.PlanConfig{})
		g, summary := single(cfg, drawn(isn.ClassTupleClock, 1)).sample(t, sample.Config{Plan: plan})
		if n := len(plan.Steps); len(syns) != n || len(resets) != n || summary.Sent != uint64(n) || summary.Resets != uint64(n) {
			t.Fatalf("%d SYNs and %d RSTs for %d steps; %+v", len(syns), len(resets), n, summary)
		}
		seen := map[craft.Seq]bool{}
		for i, s := range syns {
			if seen[s.Seq] {
				t.Errorf("SYN %d repeats an ISN", i)
			}
			seen[s.Seq] = true
			if resets[i].Seq != s.Seq.Add(1) || resets[i].Src != s.Src {
				t.Errorf("the RST for SYN %d is not exact", i)
			}
		}
		if took, want := time.Since(start), plan.Duration()+time.Duration(len(syns))*10*ms; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
		for i, s := range g.samples[target] {
			if rtt, _ := s.RTT(); rtt != 10*ms {
				t.Errorf("sample %d: RTT %v", i, rtt)
			}
		}
	})
}

// The ladder repeats one ISN and one tuple, and varies the options; it comes
// only where the samples call for it.
func TestLadder(t *testing.T) {
	for _, tc := range []struct {
		class isn.Class
		steps int
	}{{isn.ClassSYNCookies, 8}, {isn.ClassRandom, 8}, {isn.ClassTupleClock, 0}, {isn.ClassGlobalStep, 0}} {
		synctest.Test(t, func(t *testing.T) {
			var syns []craft.Segment
			cfg := path(simnet.Path{Delay: ms})
			cfg.Observe = outgoing(craft.SYN, &syns)
			plan := isn.NewPlan(isn.PlanConfig{})
			_, sum, err := single(cfg, drawn(tc.class, 2)).run(t, t.Context(), sample.Config{Plan: plan})
			if err != nil || sum.Storms > 0 { // each SYN of it may draw another number
				t.Fatal(err, sum.Storms)
			}
			ladder := syns[len(plan.Steps):]
			if len(ladder) != tc.steps {
				t.Fatalf("%s: a ladder of %d", tc.class, len(ladder))
			}
			offers := map[string]int{}
			for _, s := range ladder {
				if s.Seq != ladder[0].Seq || s.Src != ladder[0].Src {
					t.Errorf("%s: the ladder changes its ISN or tuple", tc.class)
				}
				offers[s.Options.String()]++
			}
			if tc.steps > 0 && len(offers) != tc.steps-1 {
				t.Errorf("%s: %d kinds of SYN", tc.class, len(offers))
			}
		})
	}
}

// The rate bounds all targets together.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left []time.Duration
		w := world{Config: path(simnet.Path{Delay: ms / 10}), hosts: map[netip.Addr]simnet.Host{}}
		w.Observe = func(e simnet.Event) {
			if e.Dir == simnet.Out {
				left = append(left, e.Elapsed)
			}
		}
		var cfg sample.Config
		for i := range byte(10) {
			a := netip.AddrFrom4([4]byte{198, 51, 100, i + 1})
			w.hosts[a] = drawn(isn.ClassTupleClock, uint64(i))
			cfg.Targets = append(cfg.Targets, netip.AddrPortFrom(a, 80))
		}
		cfg.Plan, cfg.Rate = isn.QuickPlan(), 20
		start := time.Now()
		_, summary := w.sample(t, cfg)
		// 80 SYNs and their RSTs, of which one leaves as soon as it is due.
		if took := time.Since(start); took < 7900*ms || took > 8*time.Second || summary.Sent != 80 || summary.Resets != 80 {
			t.Errorf("%d SYNs and %d RSTs in %v", summary.Sent, summary.Resets, took)
		}
		for i := 3; i < len(left); i++ {
			if apart := left[i] - left[i-3]; apart < 50*ms {
				t.Fatalf("four packets left within %v", apart)
			}
		}
	})
}

// More samples than ports held go round the ports, and never on the first one,
// which is the same tuple's.
func TestFewPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := single(path(simnet.Path{Delay: ms}), drawn(isn.ClassTupleClock, 1))
		w.ports = 4
		g, _ := w.sample(t, sample.Config{})
		same := g.samples[target][0].SrcPort
		ports := map[uint16]bool{}
		for _, s := range g.samples[target] {
			if (s.SrcPort == same) != (s.Series == isn.SeriesSameTuple) {
				t.Errorf("%s on port %d", s.Series, s.SrcPort.Value)
			}
			ports[s.SrcPort.Value] = true
		}
		if len(ports) != 4 {
			t.Errorf("%d ports used", len(ports))
		}
	})
}

// Further source addresses are used where there are any of the target's version.
func TestSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := single(path(simnet.Path{Delay: ms}), drawn(isn.ClassTupleClock, 1))
		second := netip.MustParseAddr("192.0.2.2")
		w.Config.Sources = []netip.Addr{netip.MustParseAddr("192.0.2.1"), second}
		g, _, err := w.run(t, t.Context(), sample.Config{
			Plan:    isn.NewPlan(isn.PlanConfig{Addresses: 2}),
			Sources: []netip.Addr{netip.MustParseAddr("2001:db8::2"), second},
		})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, s := range g.samples[target] {
			if s.Src == second && s.ISN.OK {
				n++
			}
		}
		if n != 3 {
			t.Errorf("%d samples from the second address, want 3", n)
		}
	})
}

// A series of further addresses without any says so.
func TestNoFurtherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := isn.NewPlan(isn.PlanConfig{Addresses: 2, Series: []string{isn.SeriesVariedAddress}})
		g, summary, err := single(path(simnet.Path{}), drawn(isn.ClassTupleClock, 1)).run(t, t.Context(), sample.Config{Plan: plan})
		if r := g.result(t, target); err != nil || summary.Sent != 0 || r.Report.Class != isn.ClassUnknown || !hasFinding(r, "no-further-address") {
			t.Errorf("%v, %d sent, %s, %v", err, summary.Sent, r.Report.Class, r.Report.Findings)
		}
	})
}

// The long series outlasts a minute, so that a cookie's counter moves.
func TestLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		plan := isn.NewPlan(isn.PlanConfig{Series: []string{isn.SeriesSameTuple, isn.SeriesLong}})
		host := simnet.AllOpen{Window: 1024, ISN: simnet.CookieISN(3)}
		g, _ := single(path(simnet.Path{Delay: ms}), host).sample(t, sample.Config{Plan: plan, WithoutLadder: true})
		if took := time.Since(start); took < 130*time.Second {
			t.Errorf("took %v", took)
		}
		if r := g.result(t, target).Report; r.Class != isn.ClassSYNCookies || r.Variant != isn.VariantLinux || !slices.Contains(r.Inputs, "time") {
			t.Errorf("%s %s moves with %v", r.Class, r.Variant, r.Inputs)
		}
	})
}

// Cancelling returns at once with what there is, and closes what is open.
func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		g, summary, err := single(path(simnet.Path{Delay: ms}), drawn(isn.ClassTupleClock, 1)).run(t, ctx, sample.Config{})
		if !errors.Is(err, probe.ErrInterrupted) || summary.Complete {
			t.Fatalf("%v, complete %v", err, summary.Complete)
		}
		if took := time.Since(start); took > 2001*ms {
			t.Errorf("returned after %v", took)
		}
		if r := g.result(t, target); len(r.Samples) < 4 || r.Reason != probe.ReasonInterrupted || !hasFinding(r, "interrupted") {
			t.Errorf("%d samples, %s, %v", len(r.Samples), r.Reason, r.Report.Findings)
		}
	})
}

// A sink that takes no more ends the run with its error.
func TestSinkError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(path(simnet.Path{Delay: ms}))
		n.HandleAddr(target.Addr().String(), drawn(isn.ClassRandom, 1))
		conn := n.Conn(20)
		defer conn.Close()
		full := errors.New("disk full")
		_, err := sample.Run(t.Context(), conn, sample.Config{
			Targets: []netip.AddrPort{target}, Plan: isn.QuickPlan()}, &gathered{refuse: full})
		if !errors.Is(err, full) {
			t.Error(err)
		}
		if _, err := sample.Run(t.Context(), conn, sample.Config{}, nil); !errors.Is(err, sample.ErrNoSteps) {
			t.Error(err)
		}
	})
}

func hasFinding(r *sample.Result, code string) bool {
	return slices.ContainsFunc(r.Report.Findings, func(f isn.Finding) bool { return f.Code == code })
}
