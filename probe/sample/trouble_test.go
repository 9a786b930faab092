package sample_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/isn"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

// Whatever keeps the plan from being carried out leaves the class unknown and
// says so in one finding.
func TestNoGuess(t *testing.T) {
	until := func(n int, before, after simnet.Host) simnet.Host {
		seen := 0
		return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags.Has(craft.SYN) {
				seen++
			}
			if seen > n {
				after.Respond(now, in, out)
				return
			}
			before.Respond(now, in, out)
		})
	}
	for _, tc := range []struct {
		name, code string
		host       simnet.Host
		state      probe.State
	}{
		{"closed", "port-refused", simnet.Closed{}, probe.StateRefused},
		{"reset by somebody who sees no numbers", "port-refused", bareReset(), probe.StateRefused},
		{"filtered", "no-answer", simnet.Dropped{}, probe.StateFiltered},
		{"prohibited", "unreachable", simnet.Rejected{ICMP: simnet.ICMP{Type: 3, Code: 13}}, probe.StateFiltered},
		{"silent half-way", "stopped-answering", until(10, drawn(isn.ClassTupleClock, 1), simnet.Dropped{}), probe.StateOpen},
		{"closed half-way", "stopped-listening", until(10, drawn(isn.ClassTupleClock, 1), simnet.Closed{}), probe.StateOpen},
		{"not TCP", "no-answer", simnet.Garble(&simnet.Listener{}, simnet.Cut(30)), probe.StateFiltered},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := single(path(simnet.Path{Delay: ms}), tc.host).sample(t, sample.Config{})
				r := g.result(t, target)
				if r.Report.Class != isn.ClassUnknown || r.Report.Confidence != 0 || r.State != tc.state || !hasFinding(r, tc.code) {
					t.Errorf("%s %.2f, %s, %v", r.Report.Class, r.Report.Confidence, r.State, r.Report.Findings)
				}
			})
		})
	}
}

// A SYN that was refused had its turn, and was not lost.
func TestRefusedIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := single(path(simnet.Path{Delay: ms}), simnet.Closed{}).sample(t, sample.Config{Plan: isn.QuickPlan()})
		list := g.result(t, target).Report.Findings
		if want := "1 of 8 SYNs, 0 answered, 1 refused, 0 lost"; len(list) != 1 || list[0].Evidence != want {
			t.Errorf("%+v, want evidence %q", list, want)
		}
	})
}

// A host that serves the first port that asks and no other is sampled there, and what its
// numbers show is said, with what one port does not show.
func TestHostOfOnePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, inner := uint16(0), drawn(isn.ClassGlobalStep, 1)
		host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if first == 0 {
				first = in.Src.Port()
			}
			if in.Src.Port() == first {
				inner.Respond(now, in, out)
			}
		})
		g, _ := single(path(simnet.Path{Delay: ms}), host).sample(t, sample.Config{})
		r := g.result(t, target)
		if r.Report.Class != isn.ClassGlobalStep || r.Report.Confidence > 0.9 || !hasFinding(r, "one-port-answered") || r.Report.Samples < 20 {
			t.Errorf("%s %.2f of %d, %v", r.Report.Class, r.Report.Confidence, r.Report.Samples, r.Report.Findings)
		}
	})
}

// bareReset answers with an RST that acknowledges nothing.
func bareReset() simnet.Host {
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags.Has(craft.SYN) {
			out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Flags: craft.RST})
		}
	})
}

// Loss, copies and packets out of order cost samples, never the truth: no
// sample holds a number that the host did not choose for exactly that SYN.
func TestBadPath(t *testing.T) {
	bad := simnet.Path{Delay: 2 * ms, Jitter: 3 * ms, Loss: 0.05, Duplicate: 0.2, Reorder: 0.1, Hold: 5 * ms}
	for _, class := range []isn.Class{isn.ClassTupleClock, isn.ClassGlobalStep, isn.ClassSYNCookies, isn.ClassRandom} {
		for seed := range uint64(5) {
			synctest.Test(t, func(t *testing.T) {
				cfg := path(bad)
				cfg.Seed = seed
				issued := map[issue]bool{}
				g, summary := single(cfg, witness(drawn(class, seed), issued)).sample(t, sample.Config{})
				r := g.result(t, target)
				if r.Report.Class != class {
					t.Errorf("%s, seed %d: %s %.2f (%s)", class, seed, r.Report.Class, r.Report.Confidence, r.Reason)
				}
				if summary.Rejected["duplicate"] == 0 {
					t.Errorf("%s, seed %d: no copy was recognised: %v", class, seed, summary.Rejected)
				}
				for i, s := range r.Samples {
					if s.ISN.OK && !issued[issue{s.SrcPort.Value, s.ClientISN.Value, s.ISN.Value}] {
						t.Errorf("%s, seed %d: sample %d holds a number that was not its own", class, seed, i)
					}
				}
			})
		}
	}
}

// issue is a number that a host chose, and for which SYN.
type issue struct {
	port        uint16
	client, isn craft.Seq
}

// witness notes every number that a host chooses.
func witness(h simnet.Host, issued map[issue]bool) simnet.Host {
	return simnet.Mangle(h, func(s *craft.Segment) {
		if s.Flags.Has(craft.SYN | craft.ACK) {
			issued[issue{s.Dst.Port(), s.Ack.Add(^uint32(0)), s.Seq}] = true
		}
	})
}

// A reset that is lost leaves a half-open connection; the next SYN on its tuple
// is challenged, the connection closed, and the host does not look constant.
func TestStaleHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resets := 0
		host := drawn(isn.ClassRandom, 4)
		deaf := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags.Has(craft.RST) {
				if resets++; resets == 2 {
					return
				}
			}
			host.Respond(now, in, out)
		})
		g, _ := single(path(simnet.Path{Delay: ms}), deaf).sample(t, sample.Config{})
		r := g.result(t, target)
		if r.Report.Class != isn.ClassRandom || r.Stale != 1 || !hasFinding(r, "stale-half-open") || r.Report.Lost != 1 {
			t.Errorf("%s, %d stale, %d lost", r.Report.Class, r.Stale, r.Report.Lost)
		}
	})
}

// A SYN-ACK retransmitted from a half-open connection gets the reset that was lost.
func TestRetransmittedSYNACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var resets []craft.Segment
		cfg := path(simnet.Path{Delay: ms})
		cfg.Observe = outgoing(craft.RST, &resets)
		host, dropped := drawn(isn.ClassTupleClock, 4), 0
		last := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			// The reset before the long pause of the same tuple.
			if in.Flags.Has(craft.RST) {
				if dropped++; dropped == 7 {
					return
				}
			}
			host.Respond(now, in, out)
		})
		g, summary := single(cfg, last).sample(t, sample.Config{})
		if r := g.result(t, target); r.Stale != 0 || r.Report.Lost != 0 || summary.Rejected["duplicate"] != 1 {
			t.Errorf("%d stale, %d lost, %v", r.Stale, r.Report.Lost, summary.Rejected)
		}
		if resets[6].Seq != resets[7].Seq || resets[6].Src != resets[7].Src {
			t.Errorf("the reset was not repeated")
		}
	})
}

// A copy of an answer that comes while the next one is waited for is not taken
// for it, also on the ladder, whose SYNs have one ISN.
func TestCopiesOfAnswers(t *testing.T) {
	for _, gap := range []time.Duration{ms, 11 * ms, 21 * ms, 23 * ms} {
		synctest.Test(t, func(t *testing.T) {
			host := simnet.Repeat(drawn(isn.ClassConstant, 2), 2, gap)
			g, summary := single(path(simnet.Path{Delay: 5 * ms}), host).sample(t, sample.Config{})
			r := g.result(t, target)
			if len(r.Samples) != 30 || r.Report.Lost != 0 || summary.Rejected["duplicate"] < 29 {
				t.Errorf("gap %v: %d samples, %d lost, %v", gap, len(r.Samples), r.Report.Lost, summary.Rejected)
			}
			for i, s := range r.Samples {
				if rtt, _ := s.RTT(); rtt != 10*ms {
					t.Errorf("gap %v: sample %d took %v", gap, i, rtt)
				}
			}
		})
	}
}

// A copy of a SYN that comes after its reset makes the host draw once more:
// the sampler notes that a number is missing there.
func TestCopyOfSYN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, seen := drawn(isn.ClassGlobalStep, 2), 0
		twice := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags.Has(craft.SYN) {
				if seen++; seen == 2 {
					again := *in
					out.Schedule(50*ms, func(now time.Time, out simnet.Emitter) { host.Respond(now, &again, out) })
				}
			}
			host.Respond(now, in, out)
		})
		g, summary := single(path(simnet.Path{Delay: ms}), twice).sample(t, sample.Config{})
		r := g.result(t, target)
		if r.Report.Class != isn.ClassGlobalStep || r.Report.Lost != 0 || r.Twice != 1 || !toldTwice(r) || summary.Rejected["duplicate"] != 1 {
			t.Errorf("%s, %d lost, %d twice, %v", r.Report.Class, r.Report.Lost, r.Twice, summary.Rejected)
		}
		if s := r.Samples[2]; s.ISN.OK || s.ClientISN != r.Samples[1].ClientISN {
			t.Errorf("no note of the number that nobody asked for: %+v", s)
		}
	})
}

// The true rate of a clock lies in its interval, and its ticks split the delays
// of the tuple that came often. The interval is of 95 %: another seed may be one of
// the twenty that miss.
func TestClockInterval(t *testing.T) {
	const hz = 15_625_000
	synctest.Test(t, func(t *testing.T) {
		host := &simnet.Listener{ISN: simnet.ClockISN(9, hz)}
		g, _ := single(path(simnet.Path{Delay: ms, Jitter: ms}), host).sample(t, sample.Config{Seed: [32]byte{1}})
		r := g.result(t, target).Report
		c, ok := r.Clock.Get()
		if r.Class != isn.ClassTupleClock || !ok || c.Low > hz || c.High < hz || c.Nominal != hz {
			t.Errorf("%s, %+v", r.Class, c)
		}
		if d := isn.SplitDelays(&r, g.samples[target]); len(d) != 10 {
			t.Errorf("%d delays split, want one for each SYN of the same tuple", len(d))
		}
	})
}

// The quick plan ends soon and says that it was one.
func TestQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		g, _ := single(path(simnet.Path{Delay: 10 * ms}), drawn(isn.ClassTupleClock, 6)).sample(t, sample.Config{Plan: isn.QuickPlan()})
		r := g.result(t, target)
		if took := time.Since(start); took > 1500*ms {
			t.Errorf("took %v", took)
		}
		if r.Report.Class != isn.ClassTupleClock || !hasFinding(r, "quick-run") {
			t.Errorf("%s, %v", r.Report.Class, r.Report.Findings)
		}
	})
}

// Where a router finds SYNs with options too large, one is lost to learn it: the others
// offer nothing, and their samples say so.
func TestTooLargeForTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		narrow := &probetest.Narrow{Host: drawn(isn.ClassTupleClock, 6)}
		g, _ := single(path(simnet.Path{Delay: 10 * ms}), narrow).sample(t, sample.Config{Plan: isn.QuickPlan()})
		r := g.result(t, target)
		if narrow.Refused != 1 || r.Report.Class != isn.ClassTupleClock || !hasFinding(r, "quick-run") {
			t.Errorf("%d SYNs with options, %s, %v", narrow.Refused, r.Report.Class, r.Report.Findings)
		}
		for _, s := range g.samples[target] {
			if offer, ok := s.Offer.Get(); s.ISN.OK && (!ok || offer != isn.Offer{}) {
				t.Errorf("a sample says that its SYN offered %+v", offer)
			}
		}
	})
}

// toldTwice tells whether a result says that SYNs were answered twice, and not that they were lost.
func toldTwice(r *sample.Result) bool {
	has := func(code string) bool {
		return slices.ContainsFunc(r.Report.Findings, func(f isn.Finding) bool { return f.Code == code })
	}
	return has("answered-twice") && !has("lost-samples")
}

// Two machines that answer every SYN are told of as that: no SYN was lost.
func TestEverySYNAnsweredTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := simnet.Chorus(drawn(isn.ClassGlobalStep, 2), drawn(isn.ClassRandom, 3))
		g, _, err := single(path(simnet.Path{Delay: ms}), both).run(t, t.Context(), sample.Config{})
		if r := g.result(t, target); err != nil || r.Report.Lost != 0 || r.Twice == 0 || !toldTwice(r) {
			t.Errorf("%d lost, %d twice, %+v: %v", r.Report.Lost, r.Twice, r.Report.Findings, err)
		}
		if file := throughFile(t, g.result(t, target).Samples); file.Lost != 0 || file.Twice != g.result(t, target).Twice {
			t.Errorf("from a file: %d lost, %d twice", file.Lost, file.Twice)
		}
	})
}

// throughFile is the analysis of samples that were written to a file.
func throughFile(t *testing.T, samples []isn.Sample) isn.Report {
	t.Helper()
	var file bytes.Buffer
	if err := isn.WriteCSV(&file, samples); err != nil {
		t.Fatal(err)
	}
	read, err := isn.ReadCSV(&file, "samples")
	if err != nil {
		t.Fatal(err)
	}
	return isn.Analyze(read, isn.Options{})
}
