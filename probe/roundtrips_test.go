package probe_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/discover"
	"synscope/probe/handshake"
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

// A timer asks ports of one host, the first of which is open, and tells the round trips of SYN-ACKs
// that it claims.
type timer struct {
	name  string
	ports int
	ask   func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) ([]time.Duration, probe.Summary, error)
}

const patient = 4 * time.Second

var timers = []timer{
	{"scan", 5, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) ([]time.Duration, probe.Summary, error) {
		var got claimed
		last := len(targets) - 1
		for port := range uint16(300) { // which take a while, so that some are asked once the way is known
			targets = slices.Insert(targets, last, netip.AddrPortFrom(targets[0].Addr(), 20000+port))
		}
		s, err := scan.Run(ctx, n, scan.Config{Targets: slices.Values(targets), Timeout: patient, Rate: 100}, &got)
		return got.list, s, err
	}},
	{"wide", 5, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) ([]time.Duration, probe.Summary, error) {
		var got claimed
		cfg := wide.Config{Config: scan.Config{Timeout: patient, Retries: 1}, Plan: fixedPlan(targets)}
		b, err := wide.NewBlaster(n, cfg)
		if err != nil {
			return nil, probe.Summary{}, err
		}
		s, err := wide.Run(ctx, b, cfg, &got)
		return got.list, s.Summary, err
	}},
	{"discover", 2, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) (list []time.Duration, s probe.Summary, err error) {
		hosts := slices.Values([]netip.Addr{targets[0].Addr()})
		s, err = discover.Run(ctx, n, discover.Config{Hosts: hosts, Timeout: patient, Port: func(netip.Addr) uint16 { return targets[0].Port() }}, func(h discover.Host) error {
			if h.Reason == probe.ReasonSYNACK && h.RTT > 0 {
				list = append(list, h.RTT)
			}
			return nil
		})
		return list, s, err
	}},
	{"ping", 8, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) (list []time.Duration, s probe.Summary, err error) {
		s, err = ping.Run(ctx, n, ping.Config{Targets: targets, Count: 5, Interval: time.Second, Timeout: patient}, func(s ping.Sample) error {
			if s.State == probe.StateOpen && s.RTT > 0 {
				list = append(list, s.RTT)
			}
			return nil
		})
		return list, s, err
	}},
	{"trace", 64, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) (list []time.Duration, s probe.Summary, err error) {
		p, err := trace.Run(ctx, n, trace.Config{Target: targets[0], Timeout: patient}, hopTimes(&list))
		if p.Verdict.RTT > 0 {
			list = append(list, p.Verdict.RTT)
		}
		return list, p.Summary, err
	}},
	{"watch", 64, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) (list []time.Duration, s probe.Summary, err error) {
		p, err := trace.Watch(ctx, n, trace.WatchConfig{Config: trace.Config{Target: targets[0], Timeout: patient}, Interval: 2 * time.Second, Rounds: 6}, hopTimes(&list))
		return list, p.Summary, err
	}},
	{"paths", 128, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) (list []time.Duration, s probe.Summary, err error) {
		m, err := paths.Run(ctx, n, paths.Config{Target: targets[0], Timeout: patient})
		if m.Verdict.RTT > 0 {
			list = append(list, m.Verdict.RTT)
		}
		return list, m.Summary, err
	}},
	{"handshake", 1, func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) (list []time.Duration, s probe.Summary, err error) {
		r, err := handshake.Run(ctx, n, handshake.Config{Target: targets[0], Timeout: patient, Data: []byte("GET /\r\n")})
		if r.RTT > 0 {
			list = append(list, r.RTT)
		}
		return list, r.Traffic, err
	}},
	{"sample", isn.QuickPlan().Ports(), func(ctx context.Context, n probe.Polled, targets []netip.AddrPort) (list []time.Duration, s probe.Summary, err error) {
		var got sampleSink
		s, err = sample.Run(ctx, n, sample.Config{Targets: targets[:1], Plan: isn.QuickPlan(), Timeout: patient, Seed: [32]byte{1}}, &got)
		for i := range got.got.Samples {
			if rtt, ok := got.got.Samples[i].RTT(); ok {
				list = append(list, rtt)
			}
		}
		return list, s, err
	}},
}

// claimed are the round trips of open ports.
type claimed struct{ list []time.Duration }

func (c *claimed) Port(v probe.Verdict) error {
	if v.State == probe.StateOpen && v.RTT > 0 {
		c.list = append(c.list, v.RTT)
	}
	return nil
}
func (*claimed) Host(probe.HostReport) error { return nil }

// hopTimes takes the times of SYN-ACKs.
func hopTimes(list *[]time.Duration) func(trace.Hop) error {
	return func(h trace.Hop) error {
		if h.Kind == trace.HopSYNACK && h.RTT > 0 {
			*list = append(*list, h.RTT)
		}
		return nil
	}
}

// timed is what an engine claims of a host's ports, over a way that takes so long there and back.
func timed(t *testing.T, e *timer, host simnet.Host, takes time.Duration, ports ...uint16) (list []time.Duration, s probe.Summary) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		way := simnet.Path{Delay: takes / 2}
		n := simnet.New(simnet.Config{Out: way, Back: way})
		target := netip.MustParseAddr("198.51.100.7")
		n.HandleAddr(target.String(), simnet.Behind(host, netip.MustParseAddr("198.51.100.1")))
		conn := n.Conn(e.ports, simnet.WatchOutgoing())
		defer conn.Close()
		var targets []netip.AddrPort
		for _, port := range ports {
			targets = append(targets, netip.AddrPortFrom(target, port))
		}
		var err error
		list, s, err = e.ask(t.Context(), conn, targets)
		if err != nil {
			t.Error(err)
		}
	})
	return list, s
}

// The time of a SYN-ACK that is a retransmission is no round trip (Karn's algorithm, RFC 6298 §3),
// also where no other ever comes.
func TestNoRetransmissionIsARoundTrip(t *testing.T) {
	for i := range timers {
		e := &timers[i]
		t.Run(e.name, func(t *testing.T) {
			list, _ := timed(t, e, probetest.WithoutFirst(simnet.Linux(80, 81, 82)), 10*time.Millisecond, 80, 81, 82)
			if slices.ContainsFunc(list, func(rtt time.Duration) bool { return rtt > 10*time.Millisecond }) {
				t.Errorf("claims %v", list)
			}
		})
	}
}

// A way that takes longer than hosts wait before they retransmit has its round trips all the
// same, once something tells that they are; and no RST is said to be lost on it.
func TestLongWaysHaveRoundTrips(t *testing.T) {
	for _, takes := range []time.Duration{1200 * time.Millisecond, 1500 * time.Millisecond} {
		for i := range timers {
			e := &timers[i]
			// The first two remember nothing that would tell, the third tells the time of the first SYN-ACK alone.
			never := e.name == "wide" || e.name == "discover" || e.name == "paths"
			t.Run(e.name+" "+takes.String(), func(t *testing.T) {
				list, s := timed(t, e, simnet.Linux(80, 81), takes, 80, 22, 81)
				if len(list) == 0 != never || slices.ContainsFunc(list, func(rtt time.Duration) bool { return rtt != takes }) {
					t.Errorf("claims %v", list)
				}
				if s.ResetsLost > 0 {
					t.Errorf("%d RSTs are said to be lost", s.ResetsLost)
				}
			})
		}
	}
}
