package trace_test

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
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

// watch runs one watch under virtual time. It must be called in a bubble.
func (w world) watch(t *testing.T, ctx context.Context, cfg trace.WatchConfig) (map[int][]trace.Hop, trace.Path, error) {
	t.Helper()
	w.Opts = append(w.Opts, simnet.WatchOutgoing())
	conn := probetest.World(w).Conn()
	defer conn.Close()
	if !cfg.Target.IsValid() {
		cfg.Target = target
	}
	hops := map[int][]trace.Hop{}
	path, err := trace.Watch(ctx, conn, cfg, func(h trace.Hop) error {
		hops[h.TTL] = append(hops[h.TTL], h)
		return nil
	})
	time.Sleep(time.Second / 2)
	probetest.Balance(t, &path.Summary)
	return hops, path, err
}

// Each hop is asked once a round, the rounds begin an interval apart, and the times
// are exact; nothing behind the target is shown, over IPv4 and IPv6, by either flow.
func TestWatch(t *testing.T) {
	for _, to := range []netip.AddrPort{target, netip.MustParseAddrPort("[2001:db8:1::7]:80")} {
		for _, flow := range []probe.Flow{probe.FlowFixed, probe.FlowVary} {
			synctest.Test(t, func(t *testing.T) {
				way := routersTo(to.Addr(), 4)
				listener := &simnet.Listener{}
				path := simnet.Path{Delay: 20 * ms}
				w := world{Host: simnet.Behind(listener, way...), Config: simnet.Config{Out: path, Back: path}, Ports: 8}
				start := time.Now()
				hops, result, err := w.watch(t, t.Context(), trace.WatchConfig{
					Config: trace.Config{Target: to, Flow: flow}, Rounds: 10, Interval: time.Second,
				})
				if err != nil || result.Length != 5 || result.Verdict.State != probe.StateOpen || len(hops) != 5 {
					t.Fatalf("%v, %+v, %d hops", err, result, len(hops))
				}
				for ttl, list := range hops {
					if len(list) != 10 {
						t.Errorf("hop %d: %d probes", ttl, len(list))
					}
					for i, h := range list {
						want, kind := to.Addr(), trace.HopSYNACK
						if ttl < 5 {
							want, kind = way[ttl-1], trace.HopTimeExceeded
						}
						if h.Query != i+1 || h.Addr != want || h.Kind != kind || h.RTT != 40*ms {
							t.Errorf("%+v, want %v of %v", h, kind, want)
						}
					}
				}
				if took := time.Since(start) - time.Second/2; took < 9*time.Second || took > 10*time.Second {
					t.Errorf("10 rounds of a second took %v", took)
				}
				if n := listener.Conns(); n > 0 {
					t.Errorf("%d half open", n)
				}
				if synACKs := result.Summary.Received - 4*10; result.Summary.Resets > synACKs {
					t.Errorf("%d RSTs for %d SYN-ACKs", result.Summary.Resets, synACKs)
				}
			})
		}
	}
}

// A router that loses, and one that is silent, are shown as they are; the loss on the
// way to the target is the target's.
func TestWatchUnderLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := routers(3)
		way[1] = netip.Addr{}
		n := 0
		open := simnet.Behind(probetest.Listener(), way...)
		host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.TTL == 3 && in.Flags == craft.SYN {
				if n++; n%4 == 0 {
					return
				}
			}
			open.Respond(now, in, out)
		})
		hops, result, err := world{Host: host}.watch(t, t.Context(), trace.WatchConfig{
			Config: trace.Config{Timeout: 300 * ms}, Rounds: 20, Interval: 100 * ms,
		})
		if err != nil || result.Length != 4 {
			t.Fatalf("%v, %+v", err, result)
		}
		lost := map[int]int{}
		for ttl, list := range hops {
			for _, h := range list {
				if h.Kind == trace.HopNone {
					lost[ttl]++
				}
			}
		}
		if lost[1] != 0 || lost[2] != 20 || lost[3] != 5 || lost[4] != 0 || len(hops[3]) != 20 {
			t.Errorf("lost %v", lost)
		}
	})
}

// The way becomes longer, and shorter again: the table follows.
func TestWatchFollowsTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := simnet.Behind(probetest.Listener(), routers(2)...)
		long := simnet.Behind(probetest.Listener(), routers(5)...)
		start := time.Now()
		host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if d := now.Sub(start); d > 5*time.Second && d < 12*time.Second {
				long.Respond(now, in, out)
				return
			}
			short.Respond(now, in, out)
		})
		hops, result, err := world{Host: host}.watch(t, t.Context(), trace.WatchConfig{Rounds: 20, Interval: time.Second})
		if err != nil || result.Length != 3 || len(hops[6]) == 0 || hops[6][len(hops[6])-1].Kind != trace.HopSYNACK {
			t.Errorf("%v, %+v, hop 6: %v", err, result, hops[6])
		}
		if last := hops[3][len(hops[3])-1]; last.Kind != trace.HopSYNACK || last.Query != 20 {
			t.Errorf("%+v", last)
		}
	})
}

func TestWatchPausesAndQuits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var paused atomic.Bool
		quit := make(chan struct{})
		time.AfterFunc(3500*ms, func() { paused.Store(true) })
		time.AfterFunc(10500*ms, func() { paused.Store(false) })
		time.AfterFunc(13300*ms, func() { close(quit) })
		start := time.Now()
		hops, _, err := world{Host: simnet.Behind(probetest.Listener(), routers(2)...)}.watch(t, t.Context(),
			trace.WatchConfig{Interval: time.Second, Paused: paused.Load, Quit: quit})
		if n := len(hops[1]); err != nil || n != 7 { // at 0, 1, 2, 3 and from 10.5 on
			t.Errorf("%v: %d rounds", err, n)
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Interrupted, it waits for what is under way and says so.
func TestWatchInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second+10*ms)
		defer cancel()
		path := simnet.Path{Delay: 50 * ms}
		w := world{Host: simnet.Behind(probetest.Listener(), routers(2)...), Config: simnet.Config{Out: path, Back: path}}
		hops, result, err := w.watch(t, ctx, trace.WatchConfig{Interval: time.Second})
		if !errors.Is(err, probe.ErrInterrupted) || result.Summary.Complete || len(hops[1]) != 5 || hops[1][4].Kind != trace.HopTimeExceeded {
			t.Errorf("%v, %+v, %v", err, result, hops[1])
		}
	})
}

// A port behind which all is silent is looked for a few hops further, and no more.
func TestWatchOfSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hops, result, err := world{Host: simnet.Behind(simnet.Dropped{}, routers(3)...)}.watch(t, t.Context(),
			trace.WatchConfig{Rounds: 5, Interval: time.Second, Config: trace.Config{Timeout: 500 * ms}})
		if err != nil || result.Length != 0 || result.Silent != 4 || result.Verdict.State != probe.StateFiltered || len(hops[8]) > 1 || len(hops[4]) != 5 {
			t.Errorf("%v, %+v: hop 4 %d, hop 8 %d", err, result, len(hops[4]), len(hops[8]))
		}
	})
}

// lateReader is a network whose reader gets what has arrived late.
type lateReader struct {
	*simnet.Conn
	by time.Duration
}

func (l lateReader) Recv(pkts []netraw.Packet) (int, error) {
	n, err := l.Conn.Recv(pkts)
	time.Sleep(l.by)
	return n, err
}

// On a busy machine the answers of a round are read after the next one is due: what
// they found open is closed first, and none is lost to a SYN that came before.
func TestWatchOnABusyMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := world{Host: simnet.Behind(probetest.Listener(), routers(2)...), Opts: []simnet.Option{simnet.WatchOutgoing()}}
		conn := probetest.World(w).Conn()
		defer conn.Close()
		lost := 0
		_, err := trace.Watch(t.Context(), lateReader{conn, 90 * ms}, trace.WatchConfig{
			Config: trace.Config{Target: target}, Rounds: 20, Interval: 100 * ms,
		}, func(h trace.Hop) error {
			if h.Kind == trace.HopNone {
				lost++
			}
			return nil
		})
		if err != nil || lost > 0 {
			t.Errorf("%d probes lost, %v", lost, err)
		}
	})
}

// A round trip that is longer than the interval loses nothing, though all probes
// leave from one port.
func TestWatchFarAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := simnet.Path{Delay: 150 * ms}
		w := world{Host: simnet.Behind(probetest.Listener(), routers(2)...), Config: simnet.Config{Out: path, Back: path}}
		hops, result, err := w.watch(t, t.Context(), trace.WatchConfig{Config: trace.Config{Flow: probe.FlowFixed}, Rounds: 30, Interval: 100 * ms})
		lost := 0
		for _, h := range hops[3] {
			if h.Kind == trace.HopNone || h.RTT != 300*ms {
				lost++
			}
		}
		if err != nil || lost > 3 || len(hops[3]) != 30 || result.Summary.Resets > 90 { // one before the next SYN, one for the SYN-ACK
			t.Errorf("%d of %d lost or mistimed, %d RSTs, %v", lost, len(hops[3]), result.Summary.Resets, err)
		}
	})
}

// Where packets are lost, closing segments are too. A target that holds a connection half
// open answers no other SYN from its port: what is lost stays what the way loses.
func TestWatchLosesNoMoreThanTheWay(t *testing.T) {
	const rounds, runs = 300, 8 // one alone loses 101 of 300 in three of a hundred
	lost := 0
	for key := range byte(runs) {
		synctest.Test(t, func(t *testing.T) {
			w := world{Host: simnet.Behind(probetest.Listener(), routers(2)...), Config: simnet.Config{Seed: 1, Out: simnet.Path{Delay: 5 * ms, Loss: 0.2}, Back: simnet.Path{Delay: 5 * ms}}}
			cfg := trace.Config{Flow: probe.FlowFixed, Key: [16]byte{key, 1}}
			hops, _, err := w.watch(t, t.Context(), trace.WatchConfig{Config: cfg, Rounds: rounds, Interval: 200 * ms})
			if err != nil {
				t.Error(err)
			}
			for _, h := range hops[3] {
				if h.Kind == trace.HopNone {
					lost++
				}
			}
		})
	}
	if lost < runs*rounds/10 || lost > runs*rounds/3 {
		t.Errorf("%d of %d lost", lost, runs*rounds)
	}
}

// Where the target's SYN-ACKs come a second late, and each is the second, a watch knows that it accepts, as a
// trace does.
func TestWatchKnowsWhomItHasMetHalfOpen(t *testing.T) {
	for _, rounds := range []uint64{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			host := lateListener()
			w := world{Host: host, Ports: 64, Opts: []simnet.Option{simnet.WatchOutgoing()}, Config: simnet.Config{Back: simnet.Path{Delay: 2 * ms}}}
			conn := probetest.World(w).Conn()
			defer conn.Close()
			cfg := trace.WatchConfig{Config: trace.Config{Target: target, MaxHops: 5}, Rounds: rounds}
			path, err := trace.Watch(t.Context(), conn, cfg, func(trace.Hop) error { return nil })
			if v := path.Verdict; err != nil || v.State != probe.StateOpen || v.Reason != probe.ReasonSYNACK || !probetest.Found(v.Findings, "answered-late") {
				t.Errorf("%d rounds: %s (%s), %v", rounds, v.State, v.Reason, err)
			}
			probetest.Balance(t, &path.Summary)
		})
	}
}
