package probe_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

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

// lies is how many mutated replies each engine is told; scripts/fuzz tells millions.
var lies = flag.Int("lies", 20000, "mutated replies for each engine")

// claim is a verdict of an engine.
type claim struct {
	target netip.AddrPort
	state  probe.State
	reason probe.Reason
}

// liedTo is an engine as a whole among liars.
type liedTo struct {
	name    string
	targets int
	ports   int
	run     func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, seed uint64) ([]claim, probe.Summary, error)
}

type claims struct{ list []claim }

func (c *claims) Port(v probe.Verdict) error {
	c.list = append(c.list, claim{v.Target, v.State, v.Reason})
	return nil
}
func (*claims) Host(probe.HostReport) error { return nil }

// fixedPlan are targets in their order.
type fixedPlan []netip.AddrPort

func (p fixedPlan) Count() uint64              { return uint64(len(p)) }
func (p fixedPlan) At(i uint64) netip.AddrPort { return p[i] }
func (p fixedPlan) Index(t netip.AddrPort) (uint64, bool) {
	i := slices.Index(p, t)
	return uint64(max(i, 0)), i >= 0
}

const briefly = 300 * time.Millisecond

var liedToEngines = []liedTo{
	{"scan", 12, 5, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, seed uint64) ([]claim, probe.Summary, error) {
		var c claims
		s, err := scan.Run(ctx, n, scan.Config{Targets: slices.Values(targets), Timeout: briefly, Canaries: seed%2 == 0}, &c)
		return c.list, s, err
	}},
	{"wide", 12, 2, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		var c claims
		cfg := wide.Config{Config: scan.Config{Timeout: briefly, Retries: 1}, Plan: fixedPlan(targets)}
		b, err := wide.NewBlaster(n, cfg)
		if err != nil {
			return nil, probe.Summary{}, err
		}
		s, err := wide.Run(ctx, b, cfg, &c)
		return c.list, s.Summary, err
	}},
	{"ping", 4, 8, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, seed uint64) ([]claim, probe.Summary, error) {
		var c claims
		flow := probe.FlowFixed
		if seed%2 == 0 {
			flow = probe.FlowVary
		}
		s, err := ping.Run(ctx, n, ping.Config{Targets: targets, Count: 3, Interval: 50 * time.Millisecond, Timeout: briefly, Flow: flow}, func(s ping.Sample) error {
			c.list = append(c.list, claim{s.Target, s.State, s.Reason})
			return nil
		})
		return c.list, s, err
	}},
	{"trace", 1, 64, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		w := way{target: targets[0]}
		path, err := trace.Run(ctx, n, trace.Config{Target: targets[0], MaxHops: 4, Timeout: briefly}, w.hop)
		return w.with(&path.Verdict), path.Summary, err
	}},
	{"watch", 1, 64, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, seed uint64) ([]claim, probe.Summary, error) {
		w := way{target: targets[0]}
		cfg := trace.WatchConfig{Config: trace.Config{Target: targets[0], MaxHops: 4, Timeout: briefly}, Interval: 100 * time.Millisecond, Rounds: 3}
		if seed%2 == 0 {
			cfg.Flow = probe.FlowVary
		}
		path, err := trace.Watch(ctx, n, cfg, w.hop)
		return w.with(&path.Verdict), path.Summary, err
	}},
	{"paths", 1, 128, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		w := way{target: targets[0]}
		m, err := paths.Run(ctx, n, paths.Config{Target: targets[0], MaxHops: 4, Timeout: briefly})
		w.nodes(m)
		return w.with(&m.Verdict), m.Summary, err
	}},
	{"why", 1, 128, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, seed uint64) ([]claim, probe.Summary, error) {
		list, err := diagnose(ctx, n, targets[0], seed)
		return list, probe.Summary{}, err
	}},
	{"handshake", 1, 1, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, seed uint64) ([]claim, probe.Summary, error) {
		cfg := handshake.Config{Target: targets[0], Timeout: briefly, Watch: time.Second, MaxTime: 5 * time.Second, Data: []byte("GET /\r\n"), Retries: 2}
		cfg.Withhold = []handshake.Withhold{handshake.WithholdNothing, handshake.WithholdSYNACKAck, handshake.WithholdLastAck}[seed%3]
		r, err := handshake.Run(ctx, n, cfg)
		return []claim{{targets[0], r.State, r.Reason}}, r.Traffic, err
	}},
	{"sample", 1, isn.QuickPlan().Ports(), func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, seed uint64) ([]claim, probe.Summary, error) {
		var got sampleSink
		s, err := sample.Run(ctx, n, sample.Config{Targets: targets, Plan: isn.QuickPlan(), Timeout: briefly, Seed: [32]byte{byte(seed)}}, &got)
		return []claim{{targets[0], got.got.State, got.got.Reason}}, s, err
	}},
	{"discover", 6, 2, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		var hosts []netip.Addr
		for _, t := range targets {
			hosts = append(hosts, t.Addr())
		}
		s, err := discover.Run(ctx, n, discover.Config{Hosts: slices.Values(hosts), Timeout: briefly}, func(discover.Host) error { return nil })
		s.States = map[probe.State]uint64{probe.StateUnknown: s.Probes}
		return nil, s, err
	}},
}

// lieTo runs an engine once among liars, and returns how many lies it was told and
// what it claimed without proof.
func lieTo(t *testing.T, e *liedTo, seed uint64) (told uint64, wrong []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		chance := rand.New(rand.NewPCG(seed, 7))
		targets := adversary.Targets(e.targets + 1)[seed%2:][:e.targets]
		var judge adversary.Judge
		liar := &adversary.Liar{Host: simnet.Linux(80), Lies: 1 + chance.IntN(40), Truth: []float64{0, 0, 0.1, 0.9}[chance.IntN(4)], Chance: chance}
		w := probetest.World{Config: simnet.Config{Seed: seed, Observe: judge.Observe}, Host: liar, Ports: e.ports}
		if chance.IntN(2) == 0 {
			w.Config.Back = simnet.Path{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.1, Duplicate: 0.1}
			w.Opts = []simnet.Option{simnet.WatchOutgoing()}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		conn := w.Conn()
		list, summary, err := e.run(ctx, conn, targets, seed)
		if err != nil {
			wrong = append(wrong, "error: "+err.Error())
		}
		probetest.Balance(t, &summary)
		for _, c := range list {
			if why := judge.Wrong(c.target, c.state, c.reason); why != "" {
				wrong = append(wrong, why)
			}
		}
		told = liar.Told
		conn.Close()
	})
	return told, wrong
}

// No engine says open, refused or rejected of a target of which nobody who saw its
// segments said so, panics, fails to end within an hour of the network's time, or
// loses count, whatever is sent to it.
func TestNobodyIsBelieved(t *testing.T) {
	for i := range liedToEngines {
		e := &liedToEngines[i]
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			for told := uint64(0); told < uint64(*lies); runs++ {
				seed := uint64(runs)<<8 | uint64(i)
				n, wrong := lieTo(t, e, seed)
				told += n + 1
				for _, w := range wrong {
					t.Errorf("seed %d: %s", seed, w)
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("%d runs", runs)
		})
	}
}

// FuzzEngines draws engine, network and lies from a seed.
func FuzzEngines(f *testing.F) {
	for i := range liedToEngines {
		f.Add(uint64(i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, seed uint64, engine uint8) {
		e := &liedToEngines[int(engine)%len(liedToEngines)]
		if _, wrong := lieTo(t, e, seed); len(wrong) > 0 {
			t.Errorf("%s: %q", e.name, wrong)
		}
	})
}
