package trace_test

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/paths"
	"synscope/probe/simnet"
	"synscope/probe/trace"
)

// What the kernel refuses for a moment leaves later; what it never takes is told
// of the port.
func TestTraceAgainstTheKernel(t *testing.T) {
	way := routers(3)
	sometimes := func(errno error) func(time.Duration) error {
		chance := rand.New(rand.NewPCG(1, 2))
		return func(time.Duration) error {
			if chance.IntN(4) == 0 {
				return errno
			}
			return nil
		}
	}
	until := func(errno error, end time.Duration) func(time.Duration) error {
		return func(at time.Duration) error {
			if at > 300*time.Microsecond && at < end {
				return errno
			}
			return nil
		}
	}
	always := func(errno error) func(time.Duration) error {
		return func(time.Duration) error { return errno }
	}
	for _, tc := range []struct {
		name   string
		refuse func(at time.Duration) error
		length int
		state  probe.State
		reason probe.Reason
		err    error
	}{
		{"full queue", sometimes(syscall.ENOBUFS), 4, probe.StateOpen, "syn-ack", nil},
		{"firewall with a limit", sometimes(syscall.EPERM), 4, probe.StateOpen, "syn-ack", nil},
		{"firewall", always(syscall.EPERM), 0, probe.StateFiltered, "local-firewall", nil},
		{"packet too large", always(syscall.EMSGSIZE), 0, probe.StateUnknown, "send-failed", nil},
		{"interface down for a moment", until(syscall.ENETDOWN, 3*time.Second), 4, probe.StateOpen, "syn-ack", nil},
		{"interface down", until(syscall.ENETDOWN, time.Hour), 0, probe.StateUnknown, "interrupted", probe.ErrNetworkDown},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			w := world{Host: simnet.Behind(probetest.Listener(), way...), Ports: 8, Opts: []simnet.Option{simnet.WatchOutgoing()}, Config: simnet.Config{
				Back: simnet.Path{Delay: 5 * ms}, SendError: func([]byte) error { return tc.refuse(time.Since(start)) }}}
			conn := probetest.World(w).Conn()
			defer conn.Close()
			path, err := trace.Run(t.Context(), conn, trace.Config{Target: target}, func(trace.Hop) error { return nil })
			if v := path.Verdict; !errors.Is(err, tc.err) || path.Length != tc.length || v.State != tc.state || v.Reason != tc.reason {
				t.Errorf("%s: length %d, %v (%v), %v", tc.name, path.Length, v.State, v.Reason, err)
			}
			probetest.Balance(t, &path.Summary)
		})
	}
}

// The rate bounds all packets.
func TestTraceKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, path, took := world{Host: simnet.Behind(simnet.Dropped{}, routers(3)...)}.trace(t, trace.Config{Rate: 50})
		if rate := float64(path.Summary.Sent) / (took - time.Second).Seconds(); rate > 55 {
			t.Errorf("%d packets in %v: %.0f a second", path.Summary.Sent, took, rate)
		}
	})
}

// A SYN-ACK that the far end repeats because the first one was lost ends the way,
// and is no round trip.
func TestTraceMeasuresNoRepeatedSYNACK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, soon, late := 0, probetest.Listener(), simnet.Slow(probetest.Listener(), time.Second)
		behind := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			h := soon
			if in.Flags == craft.SYN {
				if n++; n%3 == 1 {
					h = late
				}
			}
			h.Respond(now, in, out)
		})
		w := world{Host: simnet.Behind(behind, routers(2)...), Config: simnet.Config{Back: simnet.Path{Delay: 20 * ms}}}
		hops, path, _ := w.trace(t, trace.Config{Timeout: 3 * time.Second, Flow: probe.FlowVary})
		doubted := 0
		for _, h := range hops {
			if h.Doubt == probe.DoubtRepeated {
				doubted++
			}
			if h.RTT != 20*ms && (h.RTT != 0 || h.Doubt != probe.DoubtRepeated) {
				t.Errorf("%+v", h)
			}
		}
		if doubted == 0 || path.Length != 3 || path.Verdict.State != probe.StateOpen || path.Verdict.RTT != 20*ms {
			t.Errorf("%d repeated, %+v", doubted, path)
		}
	})
}

// A search of which the firewall let no packet leave has learnt nothing of the target.
func TestNothingLeftIsToldAsSuch(t *testing.T) {
	refuse := func([]byte) error { return syscall.EPERM }
	for name, run := range map[string]func(*testing.T, probe.Network) (probe.Verdict, probe.Summary, error){
		"trace": func(t *testing.T, n probe.Network) (probe.Verdict, probe.Summary, error) {
			path, err := trace.Run(t.Context(), n, trace.Config{Target: target}, func(trace.Hop) error { return nil })
			return path.Verdict, path.Summary, err
		},
		"watch": func(t *testing.T, n probe.Network) (probe.Verdict, probe.Summary, error) {
			path, err := trace.Watch(t.Context(), n, trace.WatchConfig{Config: trace.Config{Target: target}, Rounds: 2}, func(trace.Hop) error { return nil })
			return path.Verdict, path.Summary, err
		},
		"paths": func(t *testing.T, n probe.Network) (probe.Verdict, probe.Summary, error) {
			m, err := paths.Run(t.Context(), n, paths.Config{Target: target})
			return m.Verdict, m.Summary, err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := world{Host: probetest.Listener(), Ports: 8, Config: simnet.Config{SendError: refuse}}
			conn := probetest.World(w).Conn()
			defer conn.Close()
			v, s, err := run(t, conn)
			if err != nil || v.Reason != "local-firewall" || !errors.Is(s.Unsent(), probe.ErrNothingSent) || !errors.Is(s.Unsent(), syscall.EPERM) {
				t.Errorf("%s: %v, %v (%v), %v", name, err, v.State, v.Reason, s.Unsent())
			}
		})
	}
}
