package probe_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

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

// found keeps what the engines say of one target.
type found struct {
	state  probe.State
	target netip.AddrPort
}

func (f *found) take(s probe.State, t netip.AddrPort) error {
	f.state, f.target = s, t
	return nil
}

func (f *found) Port(v probe.Verdict) error              { return f.take(v.State, v.Target) }
func (f *found) Host(probe.HostReport) error             { return nil }
func (f *found) Sample(netip.AddrPort, isn.Sample) error { return nil }
func (f *found) Result(r sample.Result) error            { return f.take(r.State, r.Target) }

// mappedEngines ask one target, and pass nil for a function that is told of results where they may.
var mappedEngines = map[string]func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error{
	"scan": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		_, err := scan.Run(t.Context(), n, scan.Config{Targets: slices.Values([]netip.AddrPort{target})}, f)
		return err
	},
	"wide": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		cfg := wide.Config{Plan: fixedPlan{target}}
		b, err := wide.NewBlaster(n, cfg)
		if err == nil {
			_, err = wide.Run(t.Context(), b, cfg, f)
		}
		return err
	},
	"ping": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		_, err := ping.Run(t.Context(), n, ping.Config{Targets: []netip.AddrPort{target}, Count: 1}, func(s ping.Sample) error { return f.take(s.State, s.Target) })
		return err
	},
	"ping, untold": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		s, err := ping.Run(t.Context(), n, ping.Config{Targets: []netip.AddrPort{target}, Count: 1}, nil)
		return errors.Join(err, f.take(only(s.States), unmapped))
	},
	"trace": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		p, err := trace.Run(t.Context(), n, trace.Config{Target: target}, nil)
		return errors.Join(err, f.take(p.Verdict.State, p.Verdict.Target))
	},
	"watch": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		p, err := trace.Watch(t.Context(), n, trace.WatchConfig{Config: trace.Config{Target: target}, Rounds: 2}, nil)
		return errors.Join(err, f.take(p.Verdict.State, p.Verdict.Target))
	},
	"paths": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		m, err := paths.Run(t.Context(), n, paths.Config{Target: target})
		return errors.Join(err, f.take(m.Verdict.State, m.Target))
	},
	"sample": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		_, err := sample.Run(t.Context(), n, sample.Config{Targets: []netip.AddrPort{target}, Plan: isn.QuickPlan()}, f)
		return err
	},
	"handshake": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		r, err := handshake.Run(t.Context(), n, handshake.Config{Target: target})
		return errors.Join(err, f.take(r.State, r.Target))
	},
	"discover": func(t *testing.T, n probe.Polled, target netip.AddrPort, f *found) error {
		_, err := discover.Run(t.Context(), n, discover.Config{Hosts: slices.Values([]netip.Addr{target.Addr()})}, func(h discover.Host) error {
			if h.Up {
				f.state = probe.StateOpen
			}
			f.target = netip.AddrPortFrom(h.Addr, target.Port())
			return nil
		})
		return err
	},
}

var unmapped = probetest.Target

// only is the state that a summary counts.
func only(states map[probe.State]uint64) (s probe.State) {
	for s = range states {
	}
	return s
}

// An IPv4 address that is mapped into IPv6, as net.TCPAddr has it, is asked as what it stands for.
func TestMappedTarget(t *testing.T) {
	mapped := netip.AddrPortFrom(netip.AddrFrom16(unmapped.Addr().As16()), 80)
	for name, run := range mappedEngines {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := probetest.World{Ports: 64, Host: simnet.Linux(80)}
				conn := w.Conn()
				defer conn.Close()
				var f found
				if err := run(t, conn, mapped, &f); err != nil || f.state != probe.StateOpen || f.target != unmapped {
					t.Errorf("%v %v, %v", f.target, f.state, err)
				}
			})
		})
	}
}

// Where results are taken by an interface, somebody has to take them.
func TestNoSink(t *testing.T) {
	w := probetest.World{Ports: 4, Host: simnet.Linux(80)}
	conn := w.Conn()
	defer conn.Close()
	list := []netip.AddrPort{unmapped}
	if _, err := scan.Run(t.Context(), conn, scan.Config{Targets: slices.Values(list)}, nil); err == nil {
		t.Error("scan")
	}
	if _, err := sample.Run(t.Context(), conn, sample.Config{Targets: list, Plan: isn.QuickPlan()}, nil); err == nil {
		t.Error("sample")
	}
}
