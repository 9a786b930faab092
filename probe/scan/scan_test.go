package scan_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

const ms = probetest.Millisecond

var target = probetest.Target

// collector is a sink that keeps everything.
type collector struct {
	ports map[netip.AddrPort]probe.Verdict
	hosts map[netip.Addr]probe.HostReport
	at    map[netip.AddrPort]time.Duration // when each verdict came
	start time.Time
	err   error // to be returned by Port
}

func newCollector() *collector {
	return &collector{
		ports: map[netip.AddrPort]probe.Verdict{}, hosts: map[netip.Addr]probe.HostReport{},
		at: map[netip.AddrPort]time.Duration{}, start: time.Now(),
	}
}

func (c *collector) Port(v probe.Verdict) error {
	if _, twice := c.ports[v.Target]; twice {
		return fmt.Errorf("%v has two verdicts", v.Target)
	}
	c.ports[v.Target], c.at[v.Target] = v, time.Since(c.start)
	return c.err
}

func (c *collector) Host(h probe.HostReport) error {
	c.hosts[h.Addr] = h
	return nil
}

// world is a network to scan.
type world probetest.World

// scan runs one scan under virtual time. It must be called in a bubble.
func (w world) scan(t *testing.T, ctx context.Context, cfg scan.Config) (*collector, probe.Summary, error) {
	t.Helper()
	conn := probetest.World(w).Conn()
	defer conn.Close()
	found := newCollector()
	summary, err := scan.Run(ctx, conn, cfg, found)
	probetest.Balance(t, &summary)
	return found, summary, err
}

// scanNet scans a network from 13 source ports. It must be called in a bubble.
func scanNet(t *testing.T, n *simnet.Net, cfg scan.Config) (*collector, probe.Summary, error) {
	t.Helper()
	conn := n.Conn(13)
	defer conn.Close()
	found := newCollector()
	summary, err := scan.Run(t.Context(), conn, cfg, found)
	probetest.Balance(t, &summary)
	return found, summary, err
}

func technique(t *testing.T, name string) *probe.Technique {
	t.Helper()
	tech, err := probe.TechniqueByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return tech
}

// The table of SEMANTICS §1, cell by cell, but for what answers a SYN: that is told
// alike by all engines (TestEveryEngineSaysTheSame in package probe).
func TestVerdicts(t *testing.T) {
	const open, refused, filtered, unfiltered, either, unknown = probe.StateOpen, probe.StateRefused,
		probe.StateFiltered, probe.StateUnfiltered, probe.StateOpenFiltered, probe.StateUnknown
	v6 := netip.MustParseAddrPort("[2001:db8:1::7]:80")
	for _, tc := range []struct {
		technique string
		host      string
		model     simnet.Host
		target    netip.AddrPort
		state     probe.State
		reason    probe.Reason
	}{
		{"ack", "listening", probetest.Listener(), target, unfiltered, "reset"},
		{"ack", "closed", simnet.Closed{}, target, unfiltered, "reset"},
		{"ack", "silent", simnet.Dropped{}, target, filtered, "no-response"},
		{"window", "closed", simnet.Closed{}, target, refused, "reset"},
		{"window", "window in the RST", simnet.Mangle(simnet.Closed{}, func(s *craft.Segment) { s.Window = 512 }), target, open, "reset"},
		{"window", "silent", simnet.Dropped{}, target, filtered, "no-response"},
		{"fin", "listening", probetest.Listener(), target, either, "no-response"},
		{"fin", "closed", simnet.Closed{}, target, refused, "reset"},
		{"fin", "closed", simnet.Closed{}, v6, refused, "reset"},
		{"null", "listening", probetest.Listener(), target, either, "no-response"},
		{"null", "closed", simnet.Closed{}, target, refused, "reset"},
		{"xmas", "listening", probetest.Listener(), target, either, "no-response"},
		{"xmas", "closed", simnet.Closed{}, target, refused, "reset"},
		{"xmas", "resetting everything", &simnet.Listener{Stray: simnet.StrayWindows}, target, refused, "reset"},
		{"maimon", "listening, RFC 9293", probetest.Listener(), target, refused, "reset"},
		{"maimon", "listening, BSD", &simnet.Listener{Stray: simnet.StrayBSD}, target, either, "no-response"},
		{"maimon", "closed", simnet.Closed{}, target, refused, "reset"},

		{"fin", "ICMP 3/13", probetest.Reject(3, 13), target, filtered, "admin-prohibited"},
		{"ack", "ICMP 3/13", probetest.Reject(3, 13), target, filtered, "admin-prohibited"},

		{"ack", "RST with another seq", simnet.Mangle(simnet.Closed{}, simnet.SeqOff(1)), target, filtered, "no-response"},
		{"fin", "4.4BSD: RST acknowledging the FIN's own number", simnet.Mangle(simnet.Closed{}, simnet.AckOff(^uint32(0))), target, refused, "reset"},
		{"fin", "RST acknowledging too little", simnet.Mangle(simnet.Closed{}, simnet.AckOff(^uint32(1))), target, either, "no-response"},
	} {
		t.Run(tc.technique+" "+tc.host, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := world{Host: tc.model, Config: simnet.Config{Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms}}}
				found, summary, err := w.scan(t, t.Context(), scan.Config{
					Technique: technique(t, tc.technique),
					Targets:   slices.Values([]netip.AddrPort{tc.target}),
				})
				if err != nil {
					t.Fatal(err)
				}
				v := found.ports[tc.target]
				if v.State != tc.state || v.Reason != tc.reason {
					t.Errorf("%v (%v), want %v (%v); rejected %v", v.State, v.Reason, tc.state, tc.reason, summary.Rejected)
				}
				if !summary.Complete || summary.Probes != 1 {
					t.Errorf("complete %v, %d probes", summary.Complete, summary.Probes)
				}
			})
		})
	}
}

// stopped is a connection in whose Await the process is stopped, once.
type stopped struct {
	*simnet.Conn
	at, long time.Duration
	start    time.Time
}

func (s *stopped) Await(d, gather time.Duration) {
	s.Conn.Await(d, gather)
	if s.long > 0 && time.Since(s.start) >= s.at {
		time.Sleep(s.long)
		s.long = 0
	}
}

// A process that is stopped finds answers that came meanwhile, and measures them by
// their stamps.
func TestScanMeasuresAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := simnet.Path{Delay: 300 * ms}
		w := world{Host: probetest.Listener(), Config: simnet.Config{Out: path, Back: path}, Opts: []simnet.Option{simnet.WatchOutgoing()}}
		conn := &stopped{Conn: probetest.World(w).Conn(), start: time.Now(), long: 3 * time.Second}
		defer conn.Close()
		time.AfterFunc(100*ms, conn.Wake)
		conn.at = 100 * ms
		var got portSink
		s, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values([]netip.AddrPort{target})}, &got)
		if err != nil || got.State != probe.StateOpen || got.RTT != 600*ms || got.Clock != netraw.ClockKernel || s.Sent != 1 {
			t.Errorf("%v, RTT %v by %v, %d sent, %v", got.State, got.RTT, got.Clock, s.Sent, err)
		}
	})
}

type portSink struct{ probe.Verdict }

func (s *portSink) Port(v probe.Verdict) error { s.Verdict = v; return nil }
func (*portSink) Host(probe.HostReport) error  { return nil }

// One probe, its retransmissions and its RTT, by exact times.
func TestScheduleAndRTT(t *testing.T) {
	for _, tc := range []struct {
		name      string
		watch     bool
		lost      int // transmissions that the host ignores
		attempts  int
		rtt, took time.Duration
		clock     netraw.Clock
	}{
		{"answered at once", true, 0, 1, 30 * ms, 30 * ms, netraw.ClockKernel},
		{"without the stamp of departure", false, 0, 1, 30 * ms, 30 * ms, netraw.ClockKernelRx},
		{"second attempt", true, 1, 2, 30 * ms, time.Second + 30*ms, netraw.ClockKernel},
		{"third attempt", true, 2, 3, 30 * ms, 2*time.Second + 80*ms, netraw.ClockKernel}, // the second once more: others may be answered yet
		{"never", true, 99, 3, 0, 3 * time.Second, netraw.ClockNone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ignored, inner := 0, probetest.Listener()
				w := world{Host: simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
					if ignored++; ignored > tc.lost {
						inner.Respond(now, in, out)
					}
				}), Config: simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 20 * ms}}}
				if tc.watch {
					w.Opts = append(w.Opts, simnet.WatchOutgoing())
				}
				found, _, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values([]netip.AddrPort{target})})
				v := found.ports[target]
				if err != nil || v.Attempts != tc.attempts || v.RTT != tc.rtt || v.Clock != tc.clock || found.at[target] != tc.took {
					t.Errorf("%d attempts, RTT %v by %v, after %v, %v; want %d, %v by %v, after %v",
						v.Attempts, v.RTT, v.Clock, found.at[target], err, tc.attempts, tc.rtt, tc.clock, tc.took)
				}
			})
		})
	}
}

// An answer that comes after its retransmission left is still the answer to
// the first transmission.
func TestLateAnswerKeepsItsOwnRTT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{Host: probetest.Listener(), Config: simnet.Config{Out: simnet.Path{Delay: 700 * ms}, Back: simnet.Path{Delay: 800 * ms}}}
		found, summary, _ := w.scan(t, t.Context(), scan.Config{Targets: slices.Values([]netip.AddrPort{target})})
		v := found.ports[target]
		if v.State != probe.StateOpen || v.RTT != 0 || v.Attempts != 2 || summary.Retransmitted != 1 {
			t.Errorf("%v, RTT %v after %d attempts: the first answer cannot be told from a retransmission", v.State, v.RTT, v.Attempts)
		}
		found, _, _ = w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(80, 90, target.Addr())), Rate: 1})
		if v := found.ports[netip.AddrPortFrom(target.Addr(), 90)]; v.RTT != 1500*ms {
			t.Errorf("RTT %v where others came no sooner, want 1.5s", v.RTT)
		}
	})
}

// A SYN-ACK that the far end repeats, its first one lost, answers the same
// transmission a second later: no round trip is claimed for it, and the host's
// timeout does not grow from it.
func TestRepeatedSYNACKIsNoRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &simnet.Listener{}
		first := map[netip.AddrPort]bool{}
		host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN && in.Dst.Port() == 82 {
				if first[in.Src] = true; len(first) > 1 {
					return // only the first attempt gets through
				}
				synack := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Seq: 9, Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 1}
				out.Segment(time.Second, &synack)
				return
			}
			l.Respond(now, in, out)
		})
		w := world{Host: host, Config: simnet.Config{Out: simnet.Path{Delay: 400 * ms}, Back: simnet.Path{Delay: 400 * ms}}}
		targets := func(yield func(netip.AddrPort) bool) {
			for _, p := range ranges(80, 82, target.Addr()) {
				if !yield(p) {
					return
				}
			}
		}
		found, _, err := w.scan(t, t.Context(), scan.Config{Targets: targets, Rate: 10, Retries: 5})
		v := found.ports[netip.AddrPortFrom(target.Addr(), 82)]
		if err != nil || v.State != probe.StateOpen || v.RTT != 0 {
			t.Errorf("%v with RTT %v, want open without one: %v", v.State, v.RTT, err)
		}
		if ok := found.ports[target]; ok.RTT != 800*ms {
			t.Errorf("the port before it: RTT %v", ok.RTT)
		}
	})
}

// Every SYN-ACK is answered by an exact RST, and nothing else.
func TestHalfOpenConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &simnet.Listener{}
		var log simnet.Transcript
		w := world{Host: l, Config: simnet.Config{Observe: log.Observe}}
		_, summary, _ := w.scan(t, t.Context(), scan.Config{Targets: slices.Values([]netip.AddrPort{target})})
		time.Sleep(ms)
		if l.Conns() != 0 || summary.Resets != 1 {
			t.Errorf("%d connections are left half-open after %d resets:\n%s", l.Conns(), summary.Resets, &log)
		}
	})
}

func TestChallengeACKIsRecoveredFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{})
		conn := n.Conn(5)
		defer conn.Close()
		l := &simnet.Listener{}
		source := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), conn.Ports()[0])
		l.Plant(target, source, 1000, 2000)
		n.HandleAddr(target.Addr().String(), l)
		found := newCollector()
		_, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values([]netip.AddrPort{target})}, found)
		v := found.ports[target]
		if err != nil || v.State != probe.StateOpen || v.Attempts != 2 || found.at[target] > 5*ms {
			t.Errorf("%v (%v) after %d attempts in %v: %v", v.State, v.Reason, v.Attempts, found.at[target], err)
		}
		if len(v.Findings) != 1 || v.Findings[0].Code != "challenge-ack" {
			t.Errorf("findings %v", v.Findings)
		}
		time.Sleep(ms)
		if l.Conns() != 0 {
			t.Errorf("%d connections remain at the far end", l.Conns())
		}
	})
}

// ranges yields ports first to last of each address.
func ranges(first, last uint16, addrs ...netip.Addr) (all []netip.AddrPort) {
	for port := int(first); port <= int(last); port++ {
		for _, a := range addrs {
			all = append(all, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	return all
}

// portsOf are some ports of an address.
func portsOf(a netip.Addr, ports ...uint16) (all []netip.AddrPort) {
	for _, port := range ports {
		all = append(all, netip.AddrPortFrom(a, port))
	}
	return all
}

// addresses are n consecutive ones from 198.51.100.0.
func addresses(n int) (list []netip.Addr) {
	a := netip.MustParseAddr("198.51.100.0")
	for range n {
		list = append(list, a)
		a = a.Next()
	}
	return list
}

// 256 hosts, loss, duplicates and reordering on the way: every open port is
// found, and no RTT lies outside what the network did.
func TestLossyNetwork(t *testing.T) {
	probetest.Plain(t)
	synctest.Test(t, func(t *testing.T) {
		internet := &simnet.Synthetic{Seed: 7, Open: 0.1, Refused: 0.6, Unreachable: 0.1}
		path := simnet.Path{Delay: 10 * ms, Jitter: 5 * ms, Loss: 0.05, Duplicate: 0.02, Reorder: 0.02}
		w := world{Host: internet, Config: simnet.Config{Seed: 42, Out: path, Back: path}}
		all := ranges(1, 200, addresses(256)...)
		found, summary, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(all), Rate: 50_000})
		if err != nil || len(found.ports) != len(all) {
			t.Fatalf("%d of %d verdicts: %v", len(found.ports), len(all), err)
		}
		want := map[simnet.Outcome]probe.State{
			simnet.Open: probe.StateOpen, simnet.Refused: probe.StateRefused,
			simnet.Silent: probe.StateFiltered, simnet.Unreachable: probe.StateFiltered,
		}
		missed, wrongRTT := 0, 0
		for _, target := range all {
			v := found.ports[target]
			if v.State != want[internet.Expect(target)] {
				missed++
				if v.Reason != probe.ReasonNoResponse {
					t.Errorf("%v: %v (%v), expected %v", target, v.State, v.Reason, internet.Expect(target))
				}
			}
			if v.RTT != 0 && (v.RTT < 20*ms || v.RTT > 50*ms) {
				wrongRTT++
			}
		}
		if limit := len(all) / 1000; missed > limit || wrongRTT > 0 {
			t.Errorf("%d of %d ports missed (at most %d may), %d impossible RTTs", missed, len(all), limit, wrongRTT)
		}
		t.Logf("%d missed, %d sent, %d again, rejected %v, %v", missed, summary.Sent, summary.Retransmitted, summary.Rejected, summary.Took)
	})
}

// Silence costs rate × attempts, not a timeout a port.
func TestSilenceIsBoundedByTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{Host: simnet.Dropped{}}
		_, summary, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(1, 20_000, target.Addr())), Rate: 10_000})
		if err != nil || summary.Sent < 40_000 || summary.Sent > 40_010 { // and a few to ports that are served commonly
			t.Fatalf("%d sent: %v", summary.Sent, err)
		}
		if low, high := 4*time.Second, 8*time.Second; summary.Took < low || summary.Took > high {
			t.Errorf("took %v, want %v to %v", summary.Took, low, high)
		}
	})
}

// A host that answers only so fast is slowed down for, not given up on.
func TestRateLimitedHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{Host: simnet.Closed{}, Config: simnet.Config{
			Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms, Limit: simnet.Limit{Rate: 2000, Burst: 100}},
		}}
		found, summary, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(1, 10_000, target.Addr())), Rate: 50_000, Retries: 8})
		refused := 0
		for _, v := range found.ports {
			if v.State == probe.StateRefused {
				refused++
			}
		}
		t.Logf("%d refused of %d, %d sent, %v", refused, len(found.ports), summary.Sent, summary.Took)
		if err != nil || refused < 9_900 {
			t.Errorf("only %d of 10,000 ports found refused: %v", refused, err)
		}
		if summary.Sent > 40_000 {
			t.Errorf("%d packets for 10,000 ports", summary.Sent)
		}
	})
}

func TestRateIsKept(t *testing.T) {
	probetest.Plain(t)
	for _, rate := range []float64{1, 100, 5000, 200_000} {
		synctest.Test(t, func(t *testing.T) {
			n := max(3, int(rate/2))
			w := world{Host: simnet.Closed{}}
			all := ranges(1, uint16(min(n, 60_000)), addresses(n/60_000+1)...)
			_, summary, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(all), Rate: rate})
			if err != nil || math.Abs(summary.Rate/rate-1) > 0.02+1/float64(len(all)-1) {
				t.Errorf("asked %v pps, achieved %v: %v", rate, summary.Rate, err)
			}
		})
	}
}

func TestInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*ms)
		defer cancel()
		w := world{Host: simnet.Linux(1), Config: simnet.Config{Out: simnet.Path{Delay: 50 * ms}, Back: simnet.Path{Delay: 50 * ms}}}
		found, summary, err := w.scan(t, ctx, scan.Config{Targets: slices.Values(ranges(1, 10_000, target.Addr())), Rate: 1000})
		if !errors.Is(err, probe.ErrInterrupted) || summary.Complete {
			t.Errorf("error %v, complete %v", err, summary.Complete)
		}
		if n := len(found.ports); n < 495 || n > 510 {
			t.Errorf("%d verdicts after half a second at 1,000 a second", n)
		}
		for _, v := range found.ports {
			if v.State == probe.StateUnknown {
				t.Errorf("%v: %v: what was in flight was not waited for", v.Target, v.Reason)
			}
		}
		if summary.Took > 2*time.Second {
			t.Errorf("took %v", summary.Took)
		}
	})
}

func TestSinkErrorEndsTheScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{})
		n.HandleAddr(target.Addr().String(), simnet.Linux())
		conn := n.Conn(5)
		defer conn.Close()
		full := newCollector()
		full.err = errors.New("disk full")
		summary, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(ranges(1, 5000, target.Addr()))}, full)
		if !errors.Is(err, full.err) || summary.Complete || summary.Sent > 3000 {
			t.Errorf("error %v, complete %v, %d sent", err, summary.Complete, summary.Sent)
		}
	})
}

func TestNetworkGoesDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := world{Host: simnet.Linux(), Config: simnet.Config{SendError: func([]byte) error {
			if time.Since(start) > 200*ms {
				return syscall.ENETDOWN
			}
			return nil
		}}}
		found, summary, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(1, 60_000, target.Addr())), Rate: 10_000})
		if !errors.Is(err, probe.ErrNetworkDown) || !errors.Is(err, syscall.ENETDOWN) || summary.Complete {
			t.Errorf("error %v, complete %v", err, summary.Complete)
		}
		if refused := summary.States[probe.StateRefused]; refused < 1900 || refused > 2100 || len(found.ports) > 2300 {
			t.Errorf("%v of %d", summary.States, len(found.ports))
		}
	})
}

func TestOwnFirewall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{Host: simnet.Linux(), Config: simnet.Config{SendError: func([]byte) error { return syscall.EPERM }}}
		found, _, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values([]netip.AddrPort{target})})
		v := found.ports[target]
		if err != nil || v.State != probe.StateFiltered || v.Reason != probe.ReasonLocalFirewall || v.Attempts != 0 {
			t.Errorf("%v (%v), %d attempts: %v", v.State, v.Reason, v.Attempts, err)
		}
	})
}

// What a limit of this machine's firewall refuses leaves when there is room; what a rule refuses is told, limit or not.
func TestLimitOfOwnFirewall(t *testing.T) {
	const ruled = 25
	synctest.Test(t, func(t *testing.T) {
		began, left := time.Now(), 0
		w := world{Host: simnet.Linux(22), Config: simnet.Config{SendError: func(pkt []byte) error {
			var p craft.Packet
			p.Decode(pkt, craft.TrustChecksums)
			if room := 2 + int(2*time.Since(began).Seconds()) - left; p.Segment.Dst.Port() == ruled || room <= 0 {
				return syscall.EPERM
			}
			left++
			return nil
		}}}
		found, sum, err := w.scan(t, t.Context(), scan.Config{Targets: slices.Values(ranges(20, 60, target.Addr()))})
		if err != nil || sum.States[probe.StateOpen] != 1 || sum.States[probe.StateRefused] != 39 {
			t.Errorf("%v: %v", sum.States, err)
		}
		if v := found.ports[netip.AddrPortFrom(target.Addr(), ruled)]; v.Reason != probe.ReasonLocalFirewall {
			t.Errorf("of the port that a rule refuses: %v, %v", v.State, v.Reason)
		}
	})
}

func TestTooGoodToBeTrue(t *testing.T) {
	window, _ := probe.TechniqueByName("window")
	rst := func(window uint16) simnet.Host {
		return simnet.Mangle(simnet.Closed{}, func(s *craft.Segment) { s.Window = window })
	}
	for _, tc := range []struct {
		name  string
		host  simnet.Host
		codes []string
		by    *probe.Technique
	}{
		{"a proxy", simnet.AllOpen{}, []string{"all-open", "syn-proxy-suspected"}, nil},
		{"a host that serves what was asked", simnet.Linux(80, 81), nil, nil},
		{"RSTs with a window from every port", rst(4096), []string{"all-open"}, window},
		{"RSTs with a window from ports that are served", simnet.Mux{Ports: map[uint16]simnet.Host{80: rst(4096), 81: rst(4096)}, Default: simnet.Closed{}}, nil, window},
		{"RSTs without a window", simnet.Closed{}, nil, window},
		{"resets from elsewhere", simnet.Mux{
			Ports:   map[uint16]simnet.Host{80: probetest.Listener()},
			Default: simnet.Closed{TTL: 50},
		}, []string{"syn-proxy-suspected"}, nil},
		{"resets from before the host", simnet.Mux{
			Ports:   map[uint16]simnet.Host{80: &simnet.Listener{TTL: 60}},
			Default: simnet.Closed{TTL: 63},
		}, []string{"refused-by-middlebox"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := world{Host: tc.host}
				found, summary, err := w.scan(t, t.Context(), scan.Config{
					Targets: slices.Values(ranges(80, 81, target.Addr())), Canaries: true, Technique: tc.by,
				})
				var codes []string
				for _, f := range found.hosts[target.Addr()].Findings {
					codes = append(codes, f.Code)
				}
				if err != nil || !slices.Equal(codes, tc.codes) {
					t.Errorf("findings %v, want %v: %v", codes, tc.codes, err)
				}
				if len(found.ports) != 2 || summary.Probes != 2 {
					t.Errorf("canaries appear among the results: %d", len(found.ports))
				}
			})
		})
	}
}

// Two scans at once, with other keys, do not believe each other's replies.
func TestForeignRepliesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{Host: simnet.Chorus(
			simnet.Mangle(simnet.Closed{}, simnet.AckOff(77)),
			simnet.Mangle(probetest.Listener(), func(s *craft.Segment) { s.Flags = craft.FIN | craft.PSH }),
			simnet.Slow(probetest.Listener(), ms),
		)}
		found, summary, _ := w.scan(t, t.Context(), scan.Config{Targets: slices.Values([]netip.AddrPort{target})})
		if found.ports[target].State != probe.StateOpen {
			t.Errorf("%v", found.ports[target].State)
		}
		if summary.Rejected["bad-ack"] == 0 || summary.Rejected["unexpected-flags"] == 0 {
			t.Errorf("rejected %v", summary.Rejected)
		}
	})
}
