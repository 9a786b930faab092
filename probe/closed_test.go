package probe_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/discover"
	"synscope/probe/handshake"
	"synscope/probe/internal/adversary"
	"synscope/probe/internal/probetest"
	"synscope/probe/isn"
	"synscope/probe/paths"
	"synscope/probe/ping"
	"synscope/probe/sample"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/trace"
	"synscope/probe/wide"
)

// errFull is what an output says that takes no more.
var errFull = errors.New("no space left on device")

// fullSink takes some results and no more; it needs a while for each, in which answers arrive.
type fullSink struct{ room int }

func (f *fullSink) take() error {
	time.Sleep(30 * time.Millisecond)
	if f.room--; f.room < 0 {
		return errFull
	}
	return nil
}

func (f *fullSink) Port(probe.Verdict) error                { return f.take() }
func (f *fullSink) Host(probe.HostReport) error             { return f.take() }
func (f *fullSink) Sample(netip.AddrPort, isn.Sample) error { return f.take() }
func (f *fullSink) Result(sample.Result) error              { return f.take() }
func (f *fullSink) hop(trace.Hop) error                     { return f.take() }
func (f *fullSink) ping(ping.Sample) error                  { return f.take() }
func (f *fullSink) host(discover.Host) error                { return f.take() }

// endedEngines are those whose runs may end before their end, at a pace that holds RSTs back.
var endedEngines = []struct {
	name           string
	targets, ports int
	run            func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error
}{
	{"scan", 30, 5, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error {
		_, err := scan.Run(ctx, n, scan.Config{Targets: slices.Values(targets), Rate: 200}, f)
		return err
	}},
	{"wide", 30, 2, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error {
		cfg := wide.Config{Config: scan.Config{Retries: 1, Rate: 200, FixedRate: true}, Plan: fixedPlan(targets)}
		b, err := wide.NewBlaster(n, cfg)
		if err != nil {
			return err
		}
		_, err = wide.Run(ctx, b, cfg, f)
		return err
	}},
	{"ping", 30, 8, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error {
		_, err := ping.Run(ctx, n, ping.Config{Targets: targets, Count: 5, Interval: time.Second, Rate: 200}, f.ping)
		return err
	}},
	{"trace", 1, 64, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error {
		_, err := trace.Run(ctx, n, trace.Config{Target: targets[0], MaxHops: 4}, f.hop)
		return err
	}},
	{"watch", 1, 64, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error {
		_, err := trace.Watch(ctx, n, trace.WatchConfig{Config: trace.Config{Target: targets[0], MaxHops: 4}, Interval: 20 * time.Millisecond, Rounds: 9}, f.hop)
		return err
	}},
	{"paths", 1, 128, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error {
		_, err := paths.Run(ctx, n, paths.Config{Target: targets[0], MaxHops: 4})
		return err
	}},
	{"sample", 4, isn.QuickPlan().Ports(), func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error {
		_, err := sample.Run(ctx, n, sample.Config{Targets: targets, Parallel: 4, Plan: isn.QuickPlan(), Seed: [32]byte{1}}, f)
		return err
	}},
	{"handshake", 1, 1, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ *fullSink) error {
		_, err := handshake.Run(ctx, n, handshake.Config{Target: targets[0], Data: []byte("GET /")})
		return err
	}},
	{"discover", 30, 2, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, f *fullSink) error {
		var hosts []netip.Addr
		for _, t := range targets {
			hosts = append(hosts, t.Addr())
		}
		_, err := discover.Run(ctx, n, discover.Config{Hosts: slices.Values(hosts), Rate: 200}, f.host)
		return err
	}},
}

// accepting is a host that accepts each connection.
var accepting = simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
	if in.Flags == craft.SYN {
		out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Seq: in.Seq.Add(77777), Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 64240})
	}
})

// leftOpen runs an engine on packets that take so long each way, and tells how many of the SYN-ACKs that came before it returned it has not answered.
func leftOpen(t *testing.T, ports int, way time.Duration, run func(ctx context.Context, n probe.Polled) error) (left int, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var c probetest.Openings
		w := probetest.World{Ports: ports, Host: accepting, Config: simnet.Config{
			Out: simnet.Path{Delay: way}, Back: simnet.Path{Delay: way}, Observe: c.See,
		}}
		conn := w.Conn()
		err = run(t.Context(), conn)
		left = c.Left(0)
		conn.Close()
	})
	return left, err
}

// A run that its output ends closes what it has opened: what has arrived by then is taken in, and the RSTs that are
// due leave before it returns.
func TestNothingIsLeftHalfOpenWhereAnOutputFails(t *testing.T) {
	probetest.Plain(t)
	for _, e := range endedEngines {
		if e.name == "paths" || e.name == "handshake" {
			continue // which have no output that could fail
		}
		t.Run(e.name, func(t *testing.T) {
			for room := range 3 {
				left, err := leftOpen(t, e.ports, 5*time.Millisecond, func(ctx context.Context, n probe.Polled) error {
					return e.run(ctx, n, adversary.Targets(e.targets), &fullSink{room})
				})
				if !errors.Is(err, errFull) || left > 0 {
					t.Errorf("with room for %d results: %d connections are left half open: %v", room, left, err)
				}
			}
		})
	}
}

// So does one that is interrupted, at whatever time.
func TestNothingIsLeftHalfOpenWhereARunIsInterrupted(t *testing.T) {
	probetest.Plain(t)
	for _, e := range endedEngines {
		t.Run(e.name, func(t *testing.T) {
			for after := time.Duration(0); after < 400*time.Millisecond; after += 7 * time.Millisecond {
				left, err := leftOpen(t, e.ports, 5*time.Millisecond, func(ctx context.Context, n probe.Polled) error {
					ctx, stop := context.WithTimeout(ctx, after)
					defer stop()
					return e.run(ctx, n, adversary.Targets(e.targets), &fullSink{1 << 20})
				})
				if err != nil && !errors.Is(err, probe.ErrInterrupted) || left > 0 {
					t.Errorf("after %v: %d connections are left half open: %v", after, left, err)
				}
			}
		})
	}
}

// What is answered when nobody waits for it any more is closed all the same, while the run goes on.
func TestLateAnswersAreClosed(t *testing.T) {
	probetest.Plain(t)
	for _, e := range endedEngines {
		t.Run(e.name, func(t *testing.T) {
			for _, way := range []time.Duration{100 * time.Millisecond, 700 * time.Millisecond} {
				left, err := leftOpen(t, e.ports, way, func(ctx context.Context, n probe.Polled) error {
					return e.run(ctx, n, adversary.Targets(e.targets), &fullSink{1 << 20})
				})
				if err != nil || left > 0 {
					t.Errorf("%v each way: %d connections are left half open: %v", way, left, err)
				}
			}
		})
	}
}
