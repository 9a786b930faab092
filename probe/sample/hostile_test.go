package sample_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/sample"
	"synscope/probe/simnet"
)

// before lets somebody answer each SYN ahead of the host.
func before(h simnet.Host, n int, forge func(i int, in *craft.Segment, out simnet.Emitter)) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.SYN {
			for i := range n {
				forge(i, in, out)
			}
			again := *in
			out.Schedule(2*ms, func(now time.Time, out simnet.Emitter) { h.Respond(now, &again, out) })
			return
		}
		h.Respond(now, in, out)
	})
}

func reply(in *craft.Segment, flags craft.Flags, seq, ack uint32) *craft.Segment {
	return &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Flags: flags, Seq: craft.Seq(seq), Ack: craft.Seq(ack), Window: 100}
}

// What strangers send ahead of the genuine answer costs no sample and decides
// nothing.
func TestForgedRepliesCostNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	router := netip.MustParseAddr("198.51.100.254")
	for _, tc := range []struct {
		name  string
		n     int
		forge func(i int, in *craft.Segment, out simnet.Emitter)
	}{
		{"ACKs", 20, func(_ int, in *craft.Segment, out simnet.Emitter) {
			out.Segment(0, reply(in, craft.ACK, rng.Uint32(), rng.Uint32()))
		}},
		{"SYN-ACKs", 20, func(_ int, in *craft.Segment, out simnet.Emitter) {
			out.Segment(0, reply(in, craft.SYN|craft.ACK, rng.Uint32(), rng.Uint32()))
		}},
		{"RSTs without ACK", 5, func(_ int, in *craft.Segment, out simnet.Emitter) {
			out.Segment(0, reply(in, craft.RST, rng.Uint32(), 0))
		}},
		{"RSTs of the ISN itself", 5, func(_ int, in *craft.Segment, out simnet.Emitter) {
			out.Segment(0, reply(in, craft.RST|craft.ACK, 0, uint32(in.Seq)))
		}},
		{"exact RSTs", 1, func(_ int, in *craft.Segment, out simnet.Emitter) {
			out.Segment(0, reply(in, craft.RST|craft.ACK, 0, uint32(in.Seq)+1))
		}},
		{"bare SYNs", 5, func(_ int, in *craft.Segment, out simnet.Emitter) {
			out.Segment(0, reply(in, craft.SYN, rng.Uint32(), 0))
		}},
		{"redirects", 1, func(_ int, in *craft.Segment, out simnet.Emitter) {
			out.ICMP(0, &simnet.ICMP{From: router, Type: 5, Code: 1, Quote: *in})
		}},
		{"host unreachable", 1, func(_ int, in *craft.Segment, out simnet.Emitter) {
			out.ICMP(0, &simnet.ICMP{From: router, Type: 3, Code: 1, Quote: *in})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				plan := isn.NewPlan(isn.PlanConfig{})
				host := before(drawn(isn.ClassTupleClock, 5), tc.n, tc.forge)
				g, summary := single(path(simnet.Path{Delay: 5 * ms}), host).sample(t, sample.Config{Plan: plan})
				r, answered := g.result(t, target), 0
				for _, s := range r.Samples {
					if s.ISN.OK {
						answered++
					}
				}
				if n := len(plan.Steps); answered < n || r.State != probe.StateOpen || r.Reason != probe.ReasonSYNACK || r.Report.Class != isn.ClassTupleClock {
					t.Errorf("%d of %d answered, %s (%s), %s; %v", answered, n, r.State, r.Reason, r.Report.Class, summary.Rejected)
				}
			})
		})
	}
}

// Copies of answers, however many, and whatever number they carry, are no
// samples, but for one that says that a number is missing.
func TestFloodIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := isn.QuickPlan()
		host := drawn(isn.ClassTupleClock, 5)
		rng := rand.New(rand.NewPCG(3, 4))
		flood := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			host.Respond(now, in, out)
			for i := range 5000 {
				if in.Flags == craft.SYN {
					out.Segment(time.Duration(i)*50*time.Microsecond, reply(in, craft.SYN|craft.ACK, rng.Uint32(), uint32(in.Seq)+1))
				}
			}
		})
		g, summary := single(path(simnet.Path{Delay: 5 * ms}), flood).sample(t, sample.Config{Plan: plan})
		n := len(plan.Steps)
		if r := g.result(t, target); len(r.Samples) > 2*n+16 || summary.Rejected["duplicate"] < 1000 {
			t.Errorf("%d samples of %d SYNs; %v", len(r.Samples), n, summary.Rejected)
		}
		if summary.Resets > 40*uint64(n) {
			t.Errorf("%d RSTs for %d SYNs", summary.Resets, n)
		}
	})
}

// Of a SYN-ACK in fragments the number is a sample, and nothing else of it.
func TestFirstFragmentIsANumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := simnet.Mangle(drawn(isn.ClassTupleClock, 5), func(s *craft.Segment) { s.Payload = make([]byte, 64) })
		g, _ := single(path(simnet.Path{Delay: 5 * ms}), simnet.Fragmented(whole, 64)).sample(t, sample.Config{Plan: isn.QuickPlan()})
		r := g.result(t, target)
		if len(r.Samples) == 0 {
			t.Fatal("no samples")
		}
		for _, s := range r.Samples {
			if !s.ISN.OK || !s.TTL.OK || s.Window.OK || s.SACK.OK || s.MSS.OK || s.TSVal.OK {
				t.Fatalf("%+v", s)
			}
		}
	})
}

// A silent target costs two packets a probe, the SYN, and the RST that clears
// away what may have come of it, and the last SYN once more.
func TestSilenceIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, summary, err := single(path(simnet.Path{}), simnet.Dropped{}).run(t, t.Context(), sample.Config{})
		if err != nil || summary.Sent != 6 || summary.Resets > 5 {
			t.Errorf("%d SYNs, %d RSTs, %v", summary.Sent, summary.Resets, err)
		}
	})
}

// odd is a network with a clock or a reader of its own.
type odd struct {
	probe.Network
	sent, read atomic.Int64
	raw        func(sent int64, raw time.Duration) time.Duration
	stall      time.Duration // of the reader, before what it reads in a SYN's time
}

func (o *odd) Send(pkts [][]byte) (int, error) {
	o.sent.Add(int64(len(pkts)))
	return o.Network.Send(pkts)
}

func (o *odd) Recv(pkts []netraw.Packet) (int, error) {
	n, err := o.Network.Recv(pkts)
	if o.read.Add(1)%6 == 0 {
		time.Sleep(o.stall)
	}
	return n, err
}

func (o *odd) MonotonicRaw() time.Duration {
	if o.raw == nil {
		return o.Network.MonotonicRaw()
	}
	return o.raw(o.sent.Load(), o.Network.MonotonicRaw())
}

// through runs over such a network.
func through(t *testing.T, o *odd, h simnet.Host, delay time.Duration) *sample.Result {
	t.Helper()
	n := simnet.New(path(simnet.Path{Delay: delay}))
	n.HandleAddr(target.Addr().String(), h)
	conn := n.Conn(20, simnet.WatchOutgoing())
	defer conn.Close()
	o.Network = conn
	g := &gathered{}
	cfg := sample.Config{Targets: []netip.AddrPort{target}, Plan: isn.NewPlan(isn.PlanConfig{})}
	if _, err := sample.Run(t.Context(), o, cfg, g); err != nil {
		t.Fatal(err)
	}
	return g.result(t, target)
}

// A process that stood still while answers arrived, or read them late, reports
// no loss that the wire did not have.
func TestStallLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := through(t, &odd{stall: 1600 * ms}, drawn(isn.ClassTupleClock, 5), 5*ms)
		if r.Report.Lost != 0 || r.Report.Class != isn.ClassTupleClock {
			t.Errorf("%d lost, %s", r.Report.Lost, r.Report.Class)
		}
	})
}

// A step of the wall clock under way takes the times of one sample, and slewing
// takes none.
func TestClockSteps(t *testing.T) {
	for _, tc := range []struct {
		name        string
		raw         func(sent int64, raw time.Duration) time.Duration
		least, most int // samples
	}{
		{"set once", func(sent int64, raw time.Duration) time.Duration {
			if sent >= 5 {
				raw -= time.Second
			}
			return raw
		}, 1, 1},
		{"slewed by 400 ppm", func(_ int64, raw time.Duration) time.Duration { return raw - raw/2500 }, 0, 0},
		{"slewed by a tenth", func(_ int64, raw time.Duration) time.Duration { return raw - raw/10 }, 20, 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := through(t, &odd{raw: tc.raw}, drawn(isn.ClassTupleClock, 5), 5*ms)
				timeless := 0
				for _, s := range r.Samples {
					if !s.Sent.OK && !s.Received.OK {
						timeless++
					}
				}
				if r.Stepped != timeless || r.Stepped < tc.least || r.Stepped > tc.most {
					t.Errorf("%d samples stepped, %d without times", r.Stepped, timeless)
				}
				if hasFinding(r, "clock-set") != (tc.least > 0) {
					t.Errorf("findings %v", r.Report.Findings)
				}
			})
		})
	}
}

// What this machine refuses to send concerns its target alone, unless the
// network is away for good.
func TestRefusals(t *testing.T) {
	bad := netip.MustParseAddrPort("198.51.100.9:80")
	six := netip.MustParseAddrPort("[2001:db8::9]:80")
	start := func() func() time.Duration {
		begun := time.Now()
		return func() time.Duration { return time.Since(begun) }
	}
	for _, tc := range []struct {
		name    string
		refuse  func(since time.Duration, dst netip.Addr) error
		targets []netip.AddrPort
		sources []netip.Addr
		reason  probe.Reason // of the first target
		open    bool         // the last one
		err     error
	}{
		{name: "a firewall of ours", refuse: func(_ time.Duration, dst netip.Addr) error {
			if dst == bad.Addr() {
				return syscall.EPERM
			}
			return nil
		}, targets: []netip.AddrPort{bad, target}, reason: probe.ReasonLocalFirewall, open: true},
		{name: "no route to one", targets: []netip.AddrPort{six, target}, reason: probe.ReasonNoRoute, open: true},
		{name: "no route to any", targets: []netip.AddrPort{six}, reason: probe.ReasonNoRoute, err: netraw.ErrNoRoute},
		{name: "a full queue now and then", refuse: func(since time.Duration, _ netip.Addr) error {
			if since%(100*ms) < 20*ms {
				return syscall.ENOBUFS
			}
			return nil
		}, targets: []netip.AddrPort{target}, reason: probe.ReasonSYNACK, open: true},
		{name: "away for three seconds", refuse: func(since time.Duration, _ netip.Addr) error {
			if since > time.Second && since < 4*time.Second {
				return syscall.ENETDOWN
			}
			return nil
		}, targets: []netip.AddrPort{target}, reason: probe.ReasonSYNACK, open: true},
		{name: "away for good", refuse: func(since time.Duration, _ netip.Addr) error {
			if since > time.Second {
				return syscall.ENETDOWN
			}
			return nil
		}, targets: []netip.AddrPort{target}, reason: probe.ReasonInterrupted, open: true, err: probe.ErrNetworkDown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				since := start()
				cfg := path(simnet.Path{Delay: ms})
				cfg.Sources = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
				if tc.refuse != nil {
					cfg.SendError = func(b []byte) error { return tc.refuse(since(), netip.AddrFrom4([4]byte(b[16:20]))) }
				}
				w := single(cfg, drawn(isn.ClassTupleClock, 5))
				w.hosts[bad.Addr()] = drawn(isn.ClassTupleClock, 6)
				g, _, err := w.run(t, context.Background(), sample.Config{Targets: tc.targets})
				if !errors.Is(err, tc.err) {
					t.Fatalf("error %v, want %v", err, tc.err)
				}
				if r := g.result(t, tc.targets[0]); r.Reason != tc.reason {
					t.Errorf("%s (%s) %v", r.State, r.Reason, r.Err)
				}
				last := g.result(t, tc.targets[len(tc.targets)-1])
				if (last.State == probe.StateOpen) != tc.open || tc.err == nil && tc.open && last.Report.Lost != 0 {
					t.Errorf("%s (%s), %d lost", last.State, last.Reason, last.Report.Lost)
				}
			})
		})
	}
}
