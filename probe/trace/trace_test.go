package trace_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// routers are so many of IPv4.
func routers(n int) []netip.Addr { return routersTo(target.Addr(), n) }

// routersTo are so many of the IP version of an address.
func routersTo(a netip.Addr, n int) (list []netip.Addr) {
	for i := range n {
		if a.Is6() {
			list = append(list, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0xff, 15: byte(i + 1)}))
		} else {
			list = append(list, netip.AddrFrom4([4]byte{203, 0, 113, byte(i + 1)}))
		}
	}
	return list
}

// trace runs one trace under virtual time. It must be called in a bubble.
func (w world) trace(t *testing.T, cfg trace.Config) ([]trace.Hop, trace.Path, time.Duration) {
	t.Helper()
	w.Ports, w.Opts = 64, append(w.Opts, simnet.WatchOutgoing())
	conn := probetest.World(w).Conn()
	defer conn.Close()
	if !cfg.Target.IsValid() {
		cfg.Target = target
	}
	start := time.Now()
	var hops []trace.Hop
	route, err := trace.Run(t.Context(), conn, cfg, func(h trace.Hop) error {
		hops = append(hops, h)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	probetest.Balance(t, &route.Summary)
	return hops, route, time.Since(start)
}

func TestTraceFindsEveryHop(t *testing.T) {
	v6 := netip.MustParseAddrPort("[2001:db8:1::7]:80")
	closed := func() simnet.Host { return simnet.Closed{} }
	for _, tc := range []struct {
		name   string
		host   func() simnet.Host
		target netip.AddrPort
		length int
		kind   trace.HopKind
		state  probe.State
	}{
		{"open", probetest.Listener, target, 5, trace.HopSYNACK, probe.StateOpen},
		{"open, IPv6", probetest.Listener, v6, 5, trace.HopSYNACK, probe.StateOpen},
		{"refused", closed, target, 5, trace.HopReset, probe.StateRefused},
		{"refused, IPv6", closed, v6, 5, trace.HopReset, probe.StateRefused},
		{"prohibited", func() simnet.Host { return probetest.Reject(3, 13) }, target, 5, trace.HopUnreachable, probe.StateFiltered},
		{"next door", probetest.Listener, target, 0, trace.HopSYNACK, probe.StateOpen},
		{"far", probetest.Listener, target, 29, trace.HopSYNACK, probe.StateOpen},
	} {
		for _, flow := range []probe.Flow{probe.FlowFixed, probe.FlowVary} {
			synctest.Test(t, func(t *testing.T) {
				path := simnet.Path{Delay: 20 * ms}
				way := routersTo(tc.target.Addr(), tc.length)
				w := world{Host: simnet.Behind(tc.host(), way...), Config: simnet.Config{Out: path, Back: path}}
				hops, route, took := w.trace(t, trace.Config{Target: tc.target, Flow: flow})
				if route.Length != tc.length+1 || route.Verdict.State != tc.state || route.Silent != 0 {
					t.Errorf("%s: %+v", tc.name, route)
				}
				if len(hops) != 3*(tc.length+1) {
					t.Fatalf("%s: %d answers", tc.name, len(hops))
				}
				for i, h := range hops {
					ttl := i/3 + 1
					if h.TTL != ttl || h.Query != i%3+1 || h.RTT != 40*ms || h.Clock != netraw.ClockKernel || len(h.Changes) > 0 {
						t.Errorf("%s: %+v", tc.name, h)
					}
					if ttl <= tc.length && (h.Addr != way[ttl-1] || h.Kind != trace.HopTimeExceeded) ||
						ttl > tc.length && (h.Addr != tc.target.Addr() || h.Kind != tc.kind) {
						t.Errorf("%s: hop %d is %v, %v", tc.name, ttl, h.Addr, h.Kind)
					}
				}
				if limit := 60*ms + time.Second; took > limit {
					t.Errorf("%s took %v", tc.name, took)
				}
			})
		}
	}
}

// Behind a firewall that swallows everything, the trace ends after one timeout
// at the first silent hop; silent routers in between do not end it.
func TestTraceStopsAtSilence(t *testing.T) {
	way := routers(4)
	way[1] = netip.Addr{}
	synctest.Test(t, func(t *testing.T) {
		hops, route, took := world{Host: simnet.Behind(simnet.Dropped{}, way...)}.trace(t, trace.Config{Timeout: 700 * ms})
		if route.Length != 0 || route.Silent != 5 || route.Verdict.State != probe.StateFiltered || route.Verdict.Reason != "no-response" {
			t.Errorf("%+v", route)
		}
		kinds := map[int]trace.HopKind{}
		for _, h := range hops {
			kinds[h.TTL] = h.Kind
		}
		want := []trace.HopKind{trace.HopTimeExceeded, trace.HopNone, trace.HopTimeExceeded, trace.HopTimeExceeded, trace.HopNone}
		for i, kind := range want {
			if kinds[i+1] != kind {
				t.Errorf("hop %d: %v, want %v", i+1, kinds[i+1], kind)
			}
		}
		if len(hops) != 15 || took > (3*700+100)*ms {
			t.Errorf("%d answers in %v", len(hops), took)
		}
	})
}

// Every packet may be lost: what is found is true, and the length is right
// unless all probes of the last hop were lost.
func TestTraceUnderLoss(t *testing.T) {
	longer := 0 // each with a chance of 0.19⁵
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			way := routers(5)
			path := simnet.Path{Delay: 10 * ms, Loss: 0.1, Duplicate: 0.1, Jitter: 3 * ms}
			w := world{Host: simnet.Behind(probetest.Listener(), way...), Config: simnet.Config{Seed: seed + 1, Out: path, Back: path}}
			hops, route, _ := w.trace(t, trace.Config{Queries: 5})
			if route.Length > 6 {
				longer++
			}
			if route.Length < 6 || longer > 1 || route.Verdict.State != probe.StateOpen {
				t.Errorf("seed %d: length %d, %v", seed+1, route.Length, route.Verdict.State)
			}
			for _, h := range hops {
				if h.Kind == trace.HopTimeExceeded && h.Addr != way[h.TTL-1] || h.RTT > 26*ms || h.RTT != 0 && h.RTT < 20*ms {
					t.Errorf("seed %d: %+v", seed+1, h)
				}
			}
		})
	}
}

// One error of many probes ends no way and overrules no answer of the target; what
// somebody says before the target's own answer comes neither.
func TestTraceBelievesTheTarget(t *testing.T) {
	way := routers(5)
	stray := func(each int) func() simnet.Host { // hop 2 says unreachable to every so manieth probe behind it
		return func() simnet.Host {
			n, behind := 0, simnet.Behind(probetest.Listener(), way...)
			return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
				if in.Flags == craft.SYN && in.TTL >= 4 {
					if n++; n == 1 || each > 0 && n%each == 0 {
						out.ICMP(0, &simnet.ICMP{From: way[1], Type: 3, Code: 1, QuoteTCP: 8, Quote: *in})
						return
					}
				}
				behind.Respond(now, in, out)
			})
		}
	}
	behind := func(h simnet.Host) func() simnet.Host {
		return func() simnet.Host { return simnet.Behind(h, way...) }
	}
	bare := simnet.Mangle(simnet.Closed{}, func(s *craft.Segment) { s.Flags, s.Ack = craft.RST, 0 })
	for _, tc := range []struct {
		name   string
		host   func() simnet.Host
		length int
		kind   trace.HopKind
		state  probe.State
		reason probe.Reason
	}{
		{"one stray error", stray(0), 6, trace.HopSYNACK, probe.StateOpen, "syn-ack"},
		{"every second probe rejected", stray(2), 6, trace.HopSYNACK, probe.StateOpen, "syn-ack"},
		{"forged reset first", behind(simnet.ForgedReset(probetest.Listener(), 250, 5*ms)), 6, trace.HopSYNACK, probe.StateOpen, "syn-ack"},
		{"ICMP error first", behind(simnet.Chorus(probetest.Reject(3, 13), simnet.Slow(probetest.Listener(), 5*ms))), 6, trace.HopSYNACK, probe.StateOpen, "syn-ack"},
		{"ICMP error before a reset", behind(simnet.Chorus(probetest.Reject(3, 13), simnet.Slow(simnet.Closed{}, 5*ms))), 6, trace.HopReset, probe.StateRefused, "reset"},
		{"SYN-ACKs later than the timeout", behind(simnet.Slow(probetest.Listener(), 1000*ms)), 6, trace.HopSYNACK, probe.StateOpen, "syn-ack"},
		{"routers a little slower than the timeout, and a target much slower", func() simnet.Host {
			return simnet.Slow(simnet.Behind(simnet.Slow(probetest.Listener(), 1000*ms), way...), 1050*ms)
		}, 6, trace.HopSYNACK, probe.StateOpen, "syn-ack"},
		{"SYN-ACKs that come too late for a hop", behind(simnet.Slow(probetest.Listener(), 3010*ms)), 6, trace.HopNone, probe.StateOpen, "syn-ack"},
		{"reset without a number", behind(bare), 6, trace.HopReset, probe.StateRefused, "reset"},
		{"reset without a number, and silence then", behind(simnet.Only(craft.SYN, bare)), 0, trace.HopNone, probe.StateRefused, "unverified-reset"},
		{"too large a SYN, whatever its size", behind(probetest.Reject(3, 4)), 0, trace.HopNone, probe.StateFiltered, "no-response"},
		{"an old connection that never ends", behind(probetest.ACKs(func(craft.Seq) craft.Seq { return 77 })), 0, trace.HopNone, probe.StateFiltered, "no-response"},
		{"an ACK for every SYN", behind(probetest.ACKs(func(isn craft.Seq) craft.Seq { return isn + 1 })), 0, trace.HopNone, probe.StateFiltered, "no-response"},
		{"every probe rejected by the last router", behind(probetest.Reject(3, 13)), 6, trace.HopUnreachable, probe.StateFiltered, "admin-prohibited"},
	} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: 10 * ms}
			w := world{Host: tc.host(), Config: simnet.Config{Out: path, Back: path}}
			hops, route, _ := w.trace(t, trace.Config{Queries: 5})
			if route.Length != tc.length || route.Verdict.State != tc.state || route.Verdict.Reason != tc.reason {
				t.Errorf("%s: length %d, %v (%v)", tc.name, route.Length, route.Verdict.State, route.Verdict.Reason)
			}
			if last := hops[len(hops)-1]; last.Kind != tc.kind {
				t.Errorf("%s: the way ends with %v", tc.name, last.Kind)
			}
		})
	}
}

// What a hop quotes tells what was rewritten before it, and the probe is
// recognised all the same.
func TestTraceNamesChanges(t *testing.T) {
	for _, tc := range []struct {
		field string
		edit  func(*craft.Segment)
	}{
		{"tos", func(s *craft.Segment) { s.TOS = 0x20 }},
		{"id", func(s *craft.Segment) { s.ID++ }},
		{"seq", func(s *craft.Segment) { s.Seq = s.Seq.Add(1 << 20) }},
		{"dst", func(s *craft.Segment) { s.Dst = netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), s.Dst.Port()) }},
		{"dport", func(s *craft.Segment) { s.Dst = netip.AddrPortFrom(s.Dst.Addr(), 8080) }},
		{"src", func(s *craft.Segment) { s.Src = netip.AddrPortFrom(netip.MustParseAddr("10.0.0.9"), s.Src.Port()) }},
		{"win", func(s *craft.Segment) { s.Window = 1024 }},
		{"options", func(s *craft.Segment) {
			s.Options, _ = craft.NewOptions(craft.MSS(1300))
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			way := routers(3)
			host := expiring(way, func(in *craft.Segment, out simnet.Emitter) {
				quoted := *in
				quoted.TTL = 1
				if in.TTL == 3 {
					tc.edit(&quoted)
				}
				out.ICMP(0, &simnet.ICMP{From: way[in.TTL-1], Type: 11, Quote: quoted, QuoteTCP: 64})
			})
			hops, route, _ := world{Host: host}.trace(t, trace.Config{Queries: 1})
			if len(hops) != 4 || route.Length != 4 {
				t.Fatalf("%s: %d hops, length %d", tc.field, len(hops), route.Length)
			}
			for _, h := range hops {
				var fields []string
				for _, c := range h.Changes {
					fields = append(fields, c.Field)
				}
				if h.TTL == 3 && !slices.Equal(fields, []string{tc.field}) || h.TTL != 3 && fields != nil {
					t.Errorf("%s: hop %d shows %v", tc.field, h.TTL, h.Changes)
				}
			}
		})
	}
}

// expiring is a host of no open port, of whose routers the one at which a segment ends answers.
func expiring(way []netip.Addr, answer func(in *craft.Segment, out simnet.Emitter)) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.TTL == 0 || int(in.TTL) > len(way) {
			simnet.Closed{}.Respond(now, in, out)
			return
		}
		answer(in, out)
	})
}

// The identification alone is 16 bits, which a stranger guesses in a second: without
// the timestamp beside it, a quote of another number is nobody's.
func TestIdentificationAloneIsNotBelieved(t *testing.T) {
	stranger := netip.MustParseAddr("10.66.6.6")
	for name, forge := range map[string]func(*craft.Segment) int{
		"cut short":         func(*craft.Segment) int { return 8 },
		"without options":   func(s *craft.Segment) int { s.Options = nil; return 64 },
		"another timestamp": func(s *craft.Segment) int { s.Options, _ = craft.NewOptions(craft.Timestamps(1, 0)); return 64 },
	} {
		synctest.Test(t, func(t *testing.T) {
			way := routers(3)
			host := expiring(way, func(in *craft.Segment, out simnet.Emitter) {
				forged := *in
				forged.TTL, forged.Seq = 1, in.Seq.Add(1<<20)
				n := forge(&forged)
				out.ICMP(0, &simnet.ICMP{From: stranger, Type: 11, Quote: forged, QuoteTCP: n})
			})
			hops, _, _ := world{Host: host}.trace(t, trace.Config{Queries: 1})
			for _, h := range hops {
				if h.Addr == stranger {
					t.Errorf("%s: hop %d is believed", name, h.TTL)
				}
			}
			if len(hops) < 4 || hops[3].Kind != trace.HopReset {
				t.Errorf("%s: the host is not reached: %v", name, hops)
			}
		})
	}
}

func TestTraceRefusesNonsense(t *testing.T) {
	n := simnet.New(simnet.Config{})
	for _, cfg := range []trace.Config{{}, {Target: target, MaxHops: 256}, {Target: target, MaxHops: -1}, {Target: target, Queries: 21}} {
		if _, err := trace.Run(t.Context(), n.Conn(1), cfg, nil); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

func TestHopKindsReadAsWritten(t *testing.T) {
	for k := trace.HopNone; k <= trace.HopReset; k++ {
		var again trace.HopKind
		b, err := k.MarshalText()
		if err != nil || again.UnmarshalText(b) != nil || again != k {
			t.Errorf("%v is read as %v", k, again)
		}
	}
	if new(trace.HopKind).UnmarshalText([]byte("hop(9)")) == nil {
		t.Error("an unknown word is read")
	}
}

// A router whose errors come in fragments is a hop; that it shows changes is more than
// the first of them proves.
func TestTraceBelievesNoChangesOfFragments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := routers(2)
		host := expiring(way, func(in *craft.Segment, out simnet.Emitter) {
			quoted := *in
			quoted.TTL, quoted.TOS = 1, 0x20
			out.ICMP(0, &simnet.ICMP{From: way[in.TTL-1], Type: 11, Quote: quoted, QuoteTCP: 64})
		})
		hops, _, _ := world{Host: simnet.Fragmented(host, 64)}.trace(t, trace.Config{Queries: 1})
		if len(hops) != 3 || hops[0].Kind != trace.HopTimeExceeded || hops[1].Addr != way[1] {
			t.Fatalf("%+v", hops)
		}
		for _, h := range hops {
			if len(h.Changes) > 0 {
				t.Errorf("hop %d shows %v", h.TTL, h.Changes)
			}
		}
	})
}

// A path slower than the timeout is traced whole: what was given up is taken in, and
// the time that it took.
func TestTraceOfASlowPath(t *testing.T) {
	for _, rtt := range []int{1020, 1500, 2900} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: time.Duration(rtt) * ms / 2}
			w := world{Host: simnet.Behind(probetest.Listener(), routers(4)...), Config: simnet.Config{Out: path, Back: path}}
			hops, route, took := w.trace(t, trace.Config{})
			if route.Length != 5 || route.Verdict.State != probe.StateOpen || route.Verdict.RTT < time.Duration(rtt)*ms || took > 7*time.Second {
				t.Errorf("%d ms: %+v in %v", rtt, route, took)
			}
			answered := map[int]bool{}
			for _, h := range hops {
				if h.Kind != trace.HopNone && h.RTT >= time.Duration(rtt)*ms {
					answered[h.TTL] = true
				}
			}
			if len(answered) != 5 {
				t.Errorf("%d ms: hops %v answered, of 5", rtt, answered)
			}
		})
	}
}

// uneven sends every so manieth SYN over another path than the rest, counted from first.
func uneven(rest, other simnet.Host, every, first int) simnet.Host {
	n := first
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.SYN {
			n++
		}
		if n%every == 0 {
			other.Respond(now, in, out)
		} else {
			rest.Respond(now, in, out)
		}
	})
}

// Paths of several lengths, or with a loop on one of them: at one TTL some probes reach
// the target and others a router. What the target itself says is the verdict.
func TestTraceOverPathsOfSeveralLengths(t *testing.T) {
	v6 := netip.MustParseAddrPort("[2001:db8:1::7]:80")
	ends := map[probe.State]func() simnet.Host{
		probe.StateOpen: probetest.Listener, probe.StateRefused: func() simnet.Host { return simnet.Closed{} },
	}
	try := func(t *testing.T, to netip.AddrPort, state probe.State, long, every, first int) {
		way := routersTo(to.Addr(), long)
		host := uneven(simnet.Behind(ends[state](), way[:2]...), simnet.Behind(ends[state](), way...), every, first)
		path := simnet.Path{Delay: 20 * time.Microsecond} // answers come before farther probes leave
		_, route, _ := world{Host: host, Config: simnet.Config{Out: path, Back: path}}.trace(t, trace.Config{Target: to})
		if v := route.Verdict; v.State != state || v.Attempts == 0 || route.Length == 0 {
			t.Errorf("%v, every %d. over %d routers: %v (%v), %d attempts, length %d", to, every, long, v.State, v.Reason, v.Attempts, route.Length)
		}
	}
	for state := range ends {
		for _, long := range []int{3, 4, 30} {
			for every := 2; every <= 4; every++ {
				for first := range every {
					synctest.Test(t, func(t *testing.T) { try(t, target, state, long, every, first) })
					synctest.Test(t, func(t *testing.T) { try(t, v6, state, long, every, first) })
				}
			}
		}
	}
}
