package probe_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
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

const stormRate = 20 // packets a second

var inStorms = []liedTo{
	{"scan", 30, 5, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		s, err := scan.Run(ctx, n, scan.Config{Targets: slices.Values(targets), Rate: stormRate}, new(claims))
		return nil, s, err
	}},
	{"wide", 30, 2, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		cfg := wide.Config{Config: scan.Config{Retries: 1, Rate: stormRate, FixedRate: true}, Plan: fixedPlan(targets)}
		b, err := wide.NewBlaster(n, cfg)
		if err != nil {
			return nil, probe.Summary{}, err
		}
		s, err := wide.Run(ctx, b, cfg, new(claims))
		return nil, s.Summary, err
	}},
	{"ping", 10, 8, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		s, err := ping.Run(ctx, n, ping.Config{Targets: targets, Count: 5, Interval: time.Second, Rate: stormRate}, func(ping.Sample) error { return nil })
		return nil, s, err
	}},
	{"trace", 1, 64, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		path, err := trace.Run(ctx, n, trace.Config{Target: targets[0], MaxHops: 4, Rate: stormRate}, func(trace.Hop) error { return nil })
		return nil, path.Summary, err
	}},
	{"paths", 1, 128, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		m, err := paths.Run(ctx, n, paths.Config{Target: targets[0], MaxHops: 4, Rate: stormRate})
		return nil, m.Summary, err
	}},
	{"sample", 1, isn.QuickPlan().Ports(), func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		var got sampleSink
		s, err := sample.Run(ctx, n, sample.Config{Targets: targets, Plan: isn.QuickPlan(), Rate: stormRate, Seed: [32]byte{1}}, &got)
		return nil, s, err
	}},
	{"handshake", 1, 1, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort, _ uint64) ([]claim, probe.Summary, error) {
		r, err := handshake.Run(ctx, n, handshake.Config{Target: targets[0], Rate: stormRate})
		return nil, r.Traffic, err
	}},
}

// stormed is what a run sent, and how long it took.
type stormed struct {
	syns, resets, worst int
	took                time.Duration
	told                uint64
}

// inStorm runs an engine against hosts that accept, and go on to send as many more SYN-ACKs
// with other numbers, one each 10 ms.
func inStorm(t *testing.T, e *liedTo, more int) (s stormed) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var leaving []time.Duration
		w := probetest.World{Ports: e.ports, Config: simnet.Config{
			Out: simnet.Path{Delay: 5 * time.Millisecond}, Back: simnet.Path{Delay: 5 * time.Millisecond},
			Observe: func(ev simnet.Event) {
				var p craft.Packet
				if ev.Dir != simnet.Out || p.Decode(ev.Data, craft.VerifyChecksums) != nil {
					return
				}
				leaving = append(leaving, ev.Elapsed)
				switch {
				case p.Segment.Flags.Has(craft.RST):
					s.resets++
				case p.Segment.Flags == craft.SYN:
					s.syns++
				}
			},
		}, Host: simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags != craft.SYN {
				return
			}
			for i := range more + 1 {
				out.Segment(time.Duration(i)*10*time.Millisecond, &craft.Segment{
					Src: in.Dst, Dst: in.Src, TTL: 60, Seq: in.Seq.Add(uint32(i)*77777 + 5), Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 64240,
				})
			}
		})}
		began := time.Now()
		conn := w.Conn()
		defer conn.Close()
		_, sum, err := e.run(t.Context(), conn, adversary.Targets(e.targets), 1)
		if err != nil {
			t.Errorf("%v: %+v", err, sum)
		}
		s.took, s.told = time.Since(began), sum.Storms
		for i := range leaving {
			n := 1
			for n < len(leaving)-i && leaving[i+n]-leaving[i] < time.Second {
				n++
			}
			s.worst = max(s.worst, n)
		}
	})
	return s
}

// Hosts that answer each SYN without end have no command send more than its rate, nor
// more RSTs than a connection needs, and hold none up for longer than twice its time.
func TestStormsAreBounded(t *testing.T) {
	probetest.Plain(t)
	for i := range inStorms {
		e := &inStorms[i]
		t.Run(e.name, func(t *testing.T) {
			alone, storm := inStorm(t, e, 0), inStorm(t, e, 3000)
			if storm.worst > stormRate+1 {
				t.Errorf("%d packets within a second", storm.worst)
			}
			if most := 8 * storm.syns; storm.resets > most {
				t.Errorf("%d RSTs for %d SYNs", storm.resets, storm.syns)
			}
			if storm.took > 2*alone.took+2*time.Second {
				t.Errorf("took %v, without the storm %v", storm.took, alone.took)
			}
			if resets := e.name != "handshake"; alone.told > 0 || (storm.told > 0) != resets { // it acknowledges, and resets one
				t.Errorf("told of %d storms, alone of %d", storm.told, alone.told)
			}
			t.Logf("alone %+v, in the storm %+v", alone, storm)
		})
	}
}
