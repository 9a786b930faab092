package wide_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	targets "synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// order is a targets.Order, or a shard of one, as a Plan.
type order struct {
	*targets.Order
	count, index, step uint64
}

func (o order) Count() uint64 { return o.count }
func (o order) Index(target netip.AddrPort) (uint64, bool) {
	i, ok := o.Order.Index(target)
	return (i - o.index) / o.step, ok && i%o.step == o.index
}
func (o order) At(i uint64) netip.AddrPort { return o.Order.At(o.index + i*o.step) }

func (o order) Fill(first uint64, into []netip.AddrPort) {
	o.Order.Fill(o.index+first*o.step, o.step, into)
}

func planOf(t testing.TB, seed uint64, ports string, words ...string) order {
	t.Helper()
	list, err := targets.ParsePorts(ports)
	if err != nil {
		t.Fatal(err)
	}
	set, err := targets.Parse(t.Context(), words, targets.Options{Ports: list})
	if err != nil {
		t.Fatal(err)
	}
	return order{set.Order(seed), set.Count(), 0, 1}
}

// answers is a sink that keeps the best verdict of each port, and how often
// there was one.
type answers struct {
	best  map[netip.AddrPort]probe.Verdict
	times map[netip.AddrPort]int
	lines map[probe.State]int // verdicts, less those that others supersede
	last  time.Time
	slow  time.Duration // each verdict takes this long to write
	full  int           // verdicts after which the disk is full; 0: never
}

func newAnswers() *answers {
	return &answers{best: map[netip.AddrPort]probe.Verdict{}, times: map[netip.AddrPort]int{}, lines: map[probe.State]int{}}
}

func (a *answers) Port(v probe.Verdict) error {
	if a.full > 0 && len(a.times) >= a.full {
		return syscall.ENOSPC
	}
	if a.slow > 0 {
		time.Sleep(a.slow)
	}
	a.best[v.Target], a.last = v, time.Now()
	a.times[v.Target]++
	if a.lines[v.State]++; v.Supersedes != probe.StateUnknown {
		a.lines[v.Supersedes]--
	}
	return nil
}

func (a *answers) Host(probe.HostReport) error { return errors.New("a stateless run knows no hosts") }

func (a *answers) count(s probe.State) (n int) {
	for _, v := range a.best {
		if v.State == s {
			n++
		}
	}
	return n
}

// stateless runs a stateless scan of a synthetic internet, IPv4 and IPv6. It
// must be called in a bubble.
func stateless(t *testing.T, ctx context.Context, net simnet.Config, host simnet.Host, cfg wide.Config, sink probe.Sink, opts ...simnet.Option) (wide.Summary, error) {
	t.Helper()
	return statelessFrom(t, ctx, 4, net, host, cfg, sink, opts...)
}

// statelessFrom is stateless from as many source ports.
func statelessFrom(t *testing.T, ctx context.Context, ports int, net simnet.Config, host simnet.Host, cfg wide.Config, sink probe.Sink, opts ...simnet.Option) (wide.Summary, error) {
	t.Helper()
	if cfg.Key == [16]byte{} {
		cfg.Key = [16]byte{1} // what the network loses depends on the bytes
	}
	n := simnet.New(net)
	n.Handle(netip.MustParsePrefix("0.0.0.0/0"), host)
	n.Handle(netip.MustParsePrefix("::/0"), host)
	conn := n.Conn(ports, opts...)
	defer conn.Close()
	b := newBlaster(t, conn, cfg)
	s, err := wide.Run(ctx, b, cfg, sink)
	probetest.Balance(t, &s.Summary)
	return s, err
}

// keys is how many keys tests of loss, and seeds tests of chance, run with: each loses other packets.
var keys = flag.Int("keys", 2, "keys of tests of loss, and seeds of tests of chance")

// keyCount is as many, and one with -short and under the race detector, which looks for
// other faults and takes ten times as long.
func keyCount() int {
	if testing.Short() || probetest.Race {
		return 1
	}
	return *keys
}

// eachKey runs a test with several keys, and names the one that fails.
func eachKey(t *testing.T, test func(t *testing.T, key [16]byte)) {
	for i := range keyCount() {
		key := [16]byte{byte(i + 1)}
		t.Run(fmt.Sprintf("key %x", key[:1]), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, key) })
		})
	}
}

// missed counts the targets whose verdict is not the oracle's.
func missed(t *testing.T, oracle *simnet.Synthetic, plan wide.Targets, found *answers) (open, wrong int) {
	t.Helper()
	states := map[simnet.Outcome]probe.State{simnet.Open: probe.StateOpen, simnet.Refused: probe.StateRefused, simnet.Unreachable: probe.StateFiltered}
	for i := range plan.Count() {
		pair := plan.At(i)
		want, answers := states[oracle.Expect(pair)]
		v, answered := found.best[pair]
		switch {
		case answers && !answered:
			if want == probe.StateOpen {
				open++
			}
		case answered && (!answers || v.State != want):
			wrong++
		}
	}
	return open, wrong
}

var internet = &simnet.Synthetic{Seed: 5, Open: 0.1, Refused: 0.2, Unreachable: 0.05}

func TestStatelessAgreesWithTheOracle(t *testing.T) {
	for _, words := range [][]string{
		{"10.0.0.0/20"}, {"2001:db8::/116"}, {"10.7.0.0/21", "2001:db8:5::/117", "10.99.0.1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			plan := planOf(t, 3, "80,443,8080", words...)
			found := newAnswers()
			s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 20 * ms}, Back: simnet.Path{Delay: 20 * ms, Jitter: 100 * ms}},
				internet, wide.Config{Plan: plan}, found)
			if err != nil || !s.Complete {
				t.Fatalf("%v: %v, complete %t", words, err, s.Complete)
			}
			if open, wrong := missed(t, internet, plan, found); open+wrong > 0 {
				t.Errorf("%v: %d open ports missed, %d verdicts wrong", words, open, wrong)
			}
			for pair, n := range found.times {
				if n > 1 {
					t.Fatalf("%v has %d records", pair, n)
				}
			}
			count := plan.Count()
			if s.Probes != count || s.Sent != 2*count || s.Retransmitted != count || s.Position != count {
				t.Errorf("%v: %d targets: summary %+v", words, count, s)
			}
			if opens := uint64(found.count(probe.StateOpen)); s.States[probe.StateOpen] != opens || s.Resets != 2*opens {
				t.Errorf("%v: %d open found: states %v, %d resets", words, opens, s.States, s.Resets)
			}
			if s.Rejected["duplicate"] != uint64(len(found.best)) {
				t.Errorf("%v: %d answered twice, %d duplicates", words, len(found.best), s.Rejected["duplicate"])
			}
		})
	}
}

// The recall that the wide engines promise, where each packet is lost with 1 %
// each way: two probes leave 0.04 %.
func TestStatelessRecall(t *testing.T) {
	probetest.Plain(t)
	t.Parallel()
	eachKey(t, func(t *testing.T, key [16]byte) {
		plan := planOf(t, 9, "443", "10.0.0.0/16")
		found := newAnswers()
		path := simnet.Path{Delay: 20 * ms, Jitter: 50 * ms, Loss: 0.01, Duplicate: 0.01, Reorder: 0.01}
		s, err := stateless(t, t.Context(), simnet.Config{Seed: 1, Out: path, Back: path}, internet,
			wide.Config{Plan: plan, Config: scan.Config{Rate: 50_000, Key: key}}, found)
		if err != nil {
			t.Fatal(err)
		}
		open, wrong := missed(t, internet, plan, found)
		recall := 1 - float64(open)/float64(open+found.count(probe.StateOpen))
		t.Logf("recall %.5f in %v, %d sent, %v", recall, s.Took, s.Sent, s.Rejected)
		if recall < 0.999 || wrong > 0 {
			t.Errorf("recall %.5f, %d verdicts wrong", recall, wrong)
		}
		if once := 1 - 2*0.01; recall < once {
			t.Errorf("no better than one probe: %.5f", recall)
		}
	})
}

// Time stamps echoed by Linux give the round trip, in microseconds.
func TestStatelessRTT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1234567 * time.Microsecond)
		plan := planOf(t, 1, "80,81", "10.0.0.0/24")
		found := newAnswers()
		_, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 7 * ms}, Back: simnet.Path{Delay: 5250 * time.Microsecond}},
			simnet.Linux(80), wide.Config{Plan: plan, Config: scan.Config{Rate: 333}}, found)
		if err != nil {
			t.Fatal(err)
		}
		for pair, v := range found.best {
			off := v.RTT - 12250*time.Microsecond
			switch {
			case v.State == probe.StateRefused && v.RTT != 0:
				t.Fatalf("%v: an RST without time stamps has an RTT of %v", pair, v.RTT)
			case v.State == probe.StateOpen && (off < 0 || off > time.Microsecond || v.Clock != netraw.ClockKernelRx):
				t.Fatalf("%v: %v by clock %v, want 12.25 ms and at most a microsecond", pair, v.RTT, v.Clock)
			}
		}
		if n := found.count(probe.StateOpen); n != 256 {
			t.Errorf("%d of 256 open", n)
		}
	})
}

// Echoes that cannot be of this run's clock are not believed.
func TestStatelessRTTOfLiars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		liar := simnet.Mangle(simnet.Linux(80), func(s *craft.Segment) {
			s.Options, _ = craft.NewOptions(craft.Timestamps(1, uint32(s.Ack)*77))
		})
		found := newAnswers()
		if _, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: ms}}, liar,
			wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/24")}, found); err != nil {
			t.Fatal(err)
		}
		measured := 0
		for _, v := range found.best {
			if v.RTT != 0 {
				measured++
			}
		}
		if found.count(probe.StateOpen) != 256 || measured > 1 {
			t.Errorf("%d open, %d of random echoes taken for round trips", found.count(probe.StateOpen), measured)
		}
	})
}

// What does not repeat our number is no verdict, whatever it says; who acknowledges another number
// is told of as what it is.
func TestStatelessBelievesNumbersOnly(t *testing.T) {
	for name, host := range map[string]simnet.Host{
		"wrong ack":            simnet.Mangle(simnet.Linux(80), simnet.AckOff(1)),
		"one bit of the ack":   simnet.Mangle(simnet.Linux(80), simnet.AckOff(1<<31)),
		"reset of a wrong ack": simnet.Mangle(simnet.Closed{}, simnet.AckOff(1<<16)),
		"forged ICMP":          simnet.Chorus(simnet.Rejected{ICMP: simnet.ICMP{Type: 3, Code: 1, SeqOff: 1}}),
	} {
		synctest.Test(t, func(t *testing.T) {
			found := newAnswers()
			s, err := stateless(t, t.Context(), simnet.Config{}, host, wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/24")}, found)
			told := found.count(probe.StateFiltered)
			for _, v := range found.best {
				if len(v.Findings) != 1 || v.Findings[0].Code != "wrong-ack" {
					t.Errorf("%s: %+v", name, v)
				}
			}
			if want := map[bool]int{true: 0, false: 256}[name == "forged ICMP"]; told != want || s.States[probe.StateFiltered] != 256 {
				t.Errorf("%s: %d are told of", name, told)
			}
			if err != nil || len(found.best) > told || s.Matched > 0 || s.Received < 512 || s.Resets > 0 {
				t.Errorf("%s: %v, %d verdicts, summary %+v", name, err, len(found.best), s)
			}
		})
	}
}

// An answer without a number of ours is asked about, and the answer to that
// decides; what came at first is told with it.
func TestStatelessAsksAboutUnverifiedAnswers(t *testing.T) {
	synSplit := simnet.Only(craft.SYN, simnet.Split{})
	bare := simnet.Mangle(simnet.Closed{}, func(s *craft.Segment) {
		if s.Flags.Has(craft.ACK) {
			s.Flags, s.Ack = craft.RST, 0
		}
	})
	opens := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.SYN|craft.ACK {
			out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, Seq: in.Ack, Ack: in.Seq.Add(1), Flags: craft.ACK, TTL: 64, Window: 1})
		}
	})
	shut := simnet.Chorus(synSplit, simnet.Only(craft.SYN|craft.ACK, simnet.Closed{}), simnet.Only(craft.ACK, simnet.Closed{}))
	for name, tc := range map[string]struct {
		host   simnet.Host
		state  probe.State
		reason probe.Reason
		coded  []string // its findings
	}{
		"a bare reset that answers the question": {bare, probe.StateRefused, probe.ReasonReset, nil},
		"a bare reset that does not": {
			simnet.Mangle(simnet.Closed{}, func(s *craft.Segment) { s.Flags, s.Ack, s.Seq = craft.RST, 0, 7 }),
			probe.StateRefused, probe.ReasonUnverifiedReset, nil,
		},
		"a split handshake":        {simnet.Chorus(synSplit, opens), probe.StateOpen, probe.ReasonSplitHandshake, []string{"split-handshake"}},
		"a SYN from anywhere":      {synSplit, probe.StateFiltered, probe.ReasonNoResponse, []string{"split-handshake"}},
		"a SYN, and a closed port": {shut, probe.StateRefused, probe.ReasonReset, []string{"split-handshake"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			found := newAnswers()
			s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 20 * ms}}, tc.host,
				wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/24")}, found)
			if err != nil || len(found.best) != 256 || s.States[tc.state] != 256 {
				t.Fatalf("%s: %v, %d verdicts, summary %+v", name, err, len(found.best), s)
			}
			for pair, v := range found.best {
				if v.State != tc.state || v.Reason != tc.reason || found.times[pair] != 1 || !slices.Equal(probetest.Codes(v.Findings), tc.coded) {
					t.Fatalf("%s: %v: %+v, %d times", name, pair, v, found.times[pair])
				}
			}
		})
	}
}

// A stranger's answers for targets that are not in the plan, or have not been
// probed yet, are nothing.
func TestStatelessIgnoresStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stranger := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			for _, from := range []string{"10.9.9.9", "10.0.255.255"} {
				out.Segment(0, &craft.Segment{Src: netip.AddrPortFrom(netip.MustParseAddr(from), 80), Dst: in.Src, Flags: craft.RST, TTL: 64})
			}
		})
		found := newAnswers()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		plan := planOf(t, 1, "80", "10.0.0.0/16")
		late := netip.MustParseAddrPort("10.0.255.255:80")
		s, _ := stateless(t, ctx, simnet.Config{}, stranger, wide.Config{Plan: plan, Config: scan.Config{Rate: 1000}}, found)
		if at, _ := plan.Order.Index(late); at < s.Probes {
			t.Fatalf("the order has changed: %d of %d", at, s.Probes)
		}
		if len(found.best) > 0 || s.Rejected["unsolicited"] != s.Received || s.Received < 2000 {
			t.Errorf("%d verdicts, %+v", len(found.best), s)
		}
	})
}

// However often a SYN-ACK is repeated, RSTs keep to the rate, and leave half of
// it to the probes.
func TestStatelessResetsCountTowardsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storm := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags != craft.SYN {
				return
			}
			synack := craft.Segment{Src: in.Dst, Dst: in.Src, Seq: 9, Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, TTL: 64, Window: 1}
			for i := range 5_000 {
				out.Segment(time.Duration(i)*200*time.Microsecond, &synack)
			}
		})
		var out, syns int
		watch := func(e simnet.Event) {
			var p craft.Packet
			if e.Dir != simnet.Out || p.Decode(e.Data, craft.VerifyChecksums) != nil {
				return
			}
			out++
			if p.Segment.Flags == craft.SYN {
				syns++
			}
		}
		found := newAnswers()
		const rate = 10
		s, err := stateless(t, t.Context(), simnet.Config{Observe: watch}, storm,
			wide.Config{Plan: planOf(t, 1, "1-10", "10.0.0.1/32"), Config: scan.Config{Rate: rate}}, found)
		if err != nil || len(found.best) != 10 || syns != 20 || s.Resets != uint64(out-syns) {
			t.Errorf("%v, %d found, %d SYNs, %d packets, %+v", err, len(found.best), syns, out, s)
		}
		if most := int(s.Took.Seconds()*rate) + 2; out > most || s.Resets < 20 {
			t.Errorf("%d packets in %v at %d a second", out, s.Took, rate)
		}
	})
}

// A network that goes away behind us, so that no send fails, costs time and not
// answers.
func TestStatelessOutageBehindUs(t *testing.T) {
	probetest.Plain(t)
	t.Parallel()
	for _, away := range []time.Duration{3 * time.Second, 12 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			cut := simnet.Away(internet, 2*time.Second, 2*time.Second+away)
			plan := planOf(t, 3, "80", "10.0.0.0/17")
			found := newAnswers()
			s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 20 * ms}}, cut, wide.Config{Plan: plan}, found)
			if away > time.Minute {
				if !errors.Is(err, probe.ErrNetworkDown) || s.Complete || s.Position > 2*10_000 || s.Sent > 2*10_000+20_000 {
					t.Errorf("away for good: %v, %+v", err, s)
				}
				return
			}
			open, wrong := missed(t, internet, plan, found)
			if err != nil || open+wrong > 0 || s.Outages != 1 || s.Again == 0 || s.Again > 20_000 {
				t.Errorf("away for %v: %v, %d open ports missed, %d wrong, %+v", away, err, open, wrong, s)
			}
			if s.OutageTime < away || s.OutageTime > away+2*time.Second {
				t.Errorf("away for %v, said %v", away, s.OutageTime)
			}
		})
	}
}

// Answers that this machine dropped make their targets unknown, not filtered.
func TestStatelessDropsAreNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := newAnswers()
		s, err := stateless(t, t.Context(), simnet.Config{Back: simnet.Path{Delay: 5 * ms}}, simnet.AllOpen{},
			wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/18"), Config: scan.Config{Rate: 1e6, FixedRate: true, Retries: -1}},
			found, simnet.ReceiveQueue(100))
		if err != nil || s.KernelDrops < 1000 || s.States[probe.StateFiltered] > 0 || s.States[probe.StateUnknown] != s.KernelDrops {
			t.Errorf("%v: %+v", err, s)
		}
	})
}

// What strangers send beyond what this machine can read does not slow a run down: at a
// sixty-fourth of its rate it would take half a minute.
func TestStatelessFloodDoesNotSlowDown(t *testing.T) {
	probetest.Plain(t)
	synctest.Test(t, func(t *testing.T) {
		found := newAnswers()
		flood := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			simnet.AllOpen{}.Respond(now, in, out)
			if in.Flags.Has(craft.RST) {
				return
			}
			for i := range 60 {
				forged := craft.Segment{Src: in.Dst, Dst: in.Src, Seq: 1, Ack: craft.Seq(i), Flags: craft.SYN | craft.ACK, TTL: 60}
				out.Segment(0, &forged)
			}
		})
		s, err := stateless(t, t.Context(), simnet.Config{Back: simnet.Path{Delay: 5 * ms}}, flood,
			wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/19"), Config: scan.Config{Rate: 10_000, Retries: -1}},
			found, simnet.ReceiveQueue(40))
		if err != nil || s.KernelDrops < 1000 || s.Took > 6*time.Second {
			t.Errorf("%v: %v, %d dropped", err, s.Took, s.KernelDrops)
		}
	})
}

// Open beats the reset that somebody forged before it.
func TestStatelessBetterAnswerSupersedes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := newAnswers()
		s, err := stateless(t, t.Context(), simnet.Config{}, simnet.ForgedReset(simnet.Linux(80), 60, 30*ms),
			wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/24")}, found)
		if err != nil || found.count(probe.StateOpen) != 256 || s.Improved != 256 ||
			s.States[probe.StateOpen] != 256 || s.States[probe.StateRefused] != 0 {
			t.Errorf("%v, %d open, summary %+v", err, found.count(probe.StateOpen), s)
		}
	})
}

// A SYN-ACK to another SYN than the one that was refused says nothing against the RST: a
// balancer may have sent each to another host.
func TestStatelessRefusalOfOneAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[netip.AddrPort]int{}
		backends := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags != craft.SYN || in.Dst.Port() != 80 { // while some are silent, all are asked again
				return
			}
			if asked[in.Dst]++; asked[in.Dst] == 1 {
				simnet.Closed{}.Respond(now, in, out)
				return
			}
			simnet.Linux(80).Respond(now, in, out)
		})
		found := newAnswers()
		_, err := stateless(t, t.Context(), simnet.Config{}, backends,
			wide.Config{Config: scan.Config{Retries: 1, Rate: 200, FixedRate: true}, Plan: planOf(t, 1, "80,81", "10.0.0.0/28")}, found)
		if err != nil || found.count(probe.StateOpen) != 16 {
			t.Fatalf("%v, %d open", err, found.count(probe.StateOpen))
		}
		for target, v := range found.best {
			if codes := probetest.Codes(v.Findings); !slices.Equal(codes, []string{"answers-differ"}) {
				t.Errorf("%v: %q", target, codes)
			}
		}
	})
}

// The run ends a moment after the last answer, and not before a late one.
func TestStatelessCooldown(t *testing.T) {
	for _, tc := range []struct {
		late time.Duration // of every answer
		took time.Duration // from the last probe
	}{{10 * ms, 2010 * ms}, {1500 * ms, 1500*ms + 3*time.Second}, {2600 * ms, 2 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			found := newAnswers()
			s, err := stateless(t, t.Context(), simnet.Config{Back: simnet.Path{Delay: tc.late}}, deafOn81(simnet.Linux(80)),
				wide.Config{Plan: planOf(t, 1, "80,81", "10.0.0.0/24"), Config: scan.Config{Retries: -1, Rate: 1e6}}, found)
			if err != nil || s.Took < tc.took || s.Took > tc.took+300*ms {
				t.Errorf("answers after %v: took %v, want %v; %v", tc.late, s.Took, tc.took, err)
			}
			if n := found.count(probe.StateOpen); n != 256 && tc.late < 2*time.Second {
				t.Errorf("answers after %v: %d of 256", tc.late, n)
			}
		})
	}
}

// A sink that is slower than the answers holds the sender up, and nothing is
// lost for it.
func TestStatelessBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := planOf(t, 1, "80", "10.0.0.0/17")
		found := newAnswers()
		found.slow = 100 * time.Microsecond
		told := time.Duration(0)
		s, err := stateless(t, t.Context(), simnet.Config{Back: simnet.Path{Delay: 5 * ms}}, simnet.AllOpen{},
			wide.Config{Plan: plan, OnHeld: func(d time.Duration) { told = d },
				Config: scan.Config{Rate: 1e6, Retries: -1}}, found, simnet.ReceiveQueue(20_000))
		if err != nil || len(found.best) != 1<<15 || s.KernelDrops > 0 {
			t.Errorf("%v, %d of 32768 found, %d dropped", err, len(found.best), s.KernelDrops)
		}
		if s.Held < time.Second || told == 0 {
			t.Errorf("held for %v, told %v; writing alone takes 3.3 s", s.Held, told)
		}
	})
}

func TestStatelessFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := newAnswers()
		found.full = 100
		var marks []uint64
		s, err := stateless(t, t.Context(), simnet.Config{}, simnet.AllOpen{}, wide.Config{
			Plan: planOf(t, 1, "80", "10.0.0.0/16"), Checkpoint: func(p uint64) error { marks = append(marks, p); return nil },
		}, found)
		if !errors.Is(err, syscall.ENOSPC) || s.Complete || s.Took > time.Second || len(marks) > 0 {
			t.Errorf("%v after %v, complete %t, checkpoints %v", err, s.Took, s.Complete, marks)
		}
	})
}

// Interrupted, a run waits for what is in flight, and says how far it came.
func TestStatelessInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		plan := planOf(t, 4, "80", "10.0.0.0/17")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		found := newAnswers()
		s, err := stateless(t, ctx, simnet.Config{Back: simnet.Path{Delay: 500 * ms}}, simnet.AllOpen{}, wide.Config{Plan: plan}, found)
		if !errors.Is(err, probe.ErrInterrupted) || s.Complete {
			t.Fatal(err, s)
		}
		if uint64(len(found.best)) != s.Probes || s.Position >= s.Probes || s.Position < s.Probes/4 {
			t.Errorf("%d probed, %d found, done up to %d", s.Probes, len(found.best), s.Position)
		}
		rest := newAnswers()
		if _, err = stateless(t, t.Context(), simnet.Config{}, simnet.AllOpen{}, wide.Config{Plan: plan, From: s.Position}, rest); err != nil {
			t.Fatal(err)
		}
		for i := range plan.Count() {
			_, before := found.best[plan.At(i)]
			if _, after := rest.best[plan.At(i)]; !before && !after {
				t.Fatalf("position %d of %d is in neither run", i, plan.Count())
			}
		}
	})
}

// However slow the pace, an interrupted run does not wait until the next probe would be due.
func TestStatelessInterruptedAtALowPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		cfg := wide.Config{Plan: planOf(t, 4, "80", "10.0.0.0/28"), Config: scan.Config{Rate: 0.01, FixedRate: true}}
		s, err := stateless(t, ctx, simnet.Config{}, simnet.AllOpen{}, cfg, newAnswers())
		if !errors.Is(err, probe.ErrInterrupted) || s.Took > 20*time.Second {
			t.Errorf("%v after %v", err, s.Took)
		}
	})
}

func newBlaster(t *testing.T, n probe.Network, cfg wide.Config) wide.Blaster {
	t.Helper()
	b, err := wide.NewBlaster(n, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
