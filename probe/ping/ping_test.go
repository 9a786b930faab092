package ping_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// ping runs one ping under virtual time. It must be called in a bubble.
func (w world) ping(t *testing.T, ctx context.Context, cfg ping.Config) ([]ping.Sample, probe.Summary, error) {
	t.Helper()
	w.Ports = cmp.Or(w.Ports, 8)
	w.Opts = append(w.Opts, simnet.WatchOutgoing())
	conn := probetest.World(w).Conn()
	defer conn.Close()
	if cfg.Targets == nil {
		cfg.Targets = []netip.AddrPort{target}
	}
	var samples []ping.Sample
	summary, err := ping.Run(ctx, conn, cfg, func(s ping.Sample) error {
		samples = append(samples, s)
		return nil
	})
	probetest.Balance(t, &summary)
	return samples, summary, err
}

// warmUp is how many SYNs precede the series of one target.
const warmUp = 1

func count(samples []ping.Sample, is func(*ping.Sample) bool) (n int) {
	for i := range samples {
		if is(&samples[i]) {
			n++
		}
	}
	return n
}

// What a ping measures of each kind of answer; what it says of the port is told alike by
// all engines (TestEveryEngineSaysTheSame in package probe).
func TestPingStates(t *testing.T) {
	v6 := netip.MustParseAddrPort("[2001:db8:1::7]:80")
	for _, tc := range []struct {
		name   string
		host   simnet.Host
		target netip.AddrPort
		state  probe.State
		reason probe.Reason
		rtt    time.Duration
	}{
		{"open", probetest.Listener(), target, probe.StateOpen, "syn-ack", 20 * ms},
		{"open over IPv6", probetest.Listener(), v6, probe.StateOpen, "syn-ack", 20 * ms},
		{"refused", simnet.Closed{}, target, probe.StateRefused, "reset", 20 * ms},
		{"refused over IPv6", simnet.Closed{}, v6, probe.StateRefused, "reset", 20 * ms},
		{"silent", simnet.Dropped{}, target, probe.StateFiltered, "no-response", 0},
		{"reset without ACK, and so to the ACK that asks", simnet.Mangle(simnet.Closed{}, bareReset), target, probe.StateRefused, "reset", 0},
		{"open after a forged reset", simnet.ForgedReset(probetest.Listener(), 250, 4*ms), target, probe.StateOpen, "syn-ack", 24 * ms},
		{"open after an ICMP error", simnet.Chorus(probetest.Reject(3, 13), simnet.Slow(probetest.Listener(), 4*ms)), target, probe.StateOpen, "syn-ack", 24 * ms},
		{"too large a SYN for a router", &probetest.Narrow{Host: probetest.Listener()}, target, probe.StateOpen, "syn-ack", 20 * ms},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := world{Host: tc.host, Config: simnet.Config{
					Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 15 * ms}}}
				samples, _, err := w.ping(t, t.Context(), ping.Config{
					Targets: []netip.AddrPort{tc.target}, Count: 3})
				if err != nil || len(samples) != 3 {
					t.Fatalf("%d samples, %v", len(samples), err)
				}
				for i, s := range samples {
					if s.State != tc.state || s.Reason != tc.reason || s.RTT != tc.rtt || s.N != uint64(i+1) {
						t.Errorf("%+v", s)
					}
					if s.RTT > 0 && s.Clock != netraw.ClockKernel || s.Doubt != probe.DoubtNone {
						t.Errorf("clock %v, doubt %q", s.Clock, s.Doubt)
					}
				}
			})
		})
	}
}

func bareReset(s *craft.Segment) { s.Flags, s.Ack = craft.RST, 0 }

// The schedule is fixed: answers that take longer than the interval, and
// probes that are lost, move no other probe by a nanosecond.
func TestPingKeepsItsSchedule(t *testing.T) {
	for name, w := range map[string]world{
		"slow":   {Host: simnet.Slow(probetest.Listener(), 300*ms)},
		"silent": {Host: simnet.Dropped{}},
		"lossy":  {Host: probetest.Listener(), Config: simnet.Config{Seed: 9, Out: simnet.Path{Loss: 0.3}, Back: simnet.Path{Loss: 0.3}}},
	} {
		for _, flow := range []probe.Flow{probe.FlowFixed, probe.FlowVary} {
			synctest.Test(t, func(t *testing.T) {
				samples, _, err := w.ping(t, t.Context(), ping.Config{Count: 500, Interval: ms, Flow: flow})
				if err != nil || len(samples) != 500 {
					t.Fatalf("%s: %d samples, %v", name, len(samples), err)
				}
				first := time.Time{}
				for _, s := range samples {
					if s.N == 1 {
						first = s.Sent
					}
				}
				for _, s := range samples {
					due := first.Add(time.Duration(s.N-1) * ms)
					if s.Attempt == 1 && !s.Sent.Equal(due) {
						t.Fatalf("%s: probe %d left %v late", name, s.N, s.Sent.Sub(due))
					}
				}
			})
		}
	}
}

// A pause of the far end is seen by every probe that falls into it.
func TestPingSeesAPauseWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		stalled := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			at := now.Sub(start)
			if at > 200*ms && at < 300*ms {
				simnet.Slow(simnet.Closed{}, 300*ms-at).Respond(now, in, out)
				return
			}
			simnet.Closed{}.Respond(now, in, out)
		})
		samples, _, err := world{Host: stalled}.ping(t, t.Context(), ping.Config{Count: 500, Interval: ms})
		slow := count(samples, func(s *ping.Sample) bool { return s.RTT > 0 && s.RTT >= ms })
		if err != nil || slow < 98 || slow > 100 {
			t.Errorf("%d probes saw the pause of 100 ms, %v", slow, err)
		}
	})
}

// With loss, duplication and reordering every time is that of its own
// transmission: as long as the link says, never longer.
func TestPingNeverMistakesATransmission(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, flow := range []probe.Flow{probe.FlowFixed, probe.FlowVary} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: 10 * ms, Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, Hold: 5 * ms}
			w := world{Host: probetest.Listener(), Ports: 64, Config: simnet.Config{Seed: seed, Out: path, Back: path}}
			samples, summary, err := w.ping(t, t.Context(), ping.Config{Count: 5000, Interval: 2 * ms, Flow: flow})
			if err != nil {
				t.Fatal(err)
			}
			lost := 0
			for _, s := range samples {
				switch s.RTT {
				case 20 * ms, 25 * ms, 30 * ms:
				case 0:
					lost++
				default:
					t.Errorf("probe %d: %v", s.N, s.RTT)
				}
			}
			t.Logf("flow %d: %d of 5000 lost, %d sent", flow, lost, summary.Sent)
			// 19 % of all pairs lose a packet; duplicates save some, and lost
			// RSTs cost some.
			if share := float64(lost) / 5000; share < 0.12 || share > 0.22 {
				t.Errorf("flow %d: %d of 5000 lost; rejected %v", flow, lost, summary.Rejected)
			}
		})
	}
}

// Thousands of targets share an interval evenly.
func TestPingManyTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var targets []netip.AddrPort
		for i := range 200 {
			targets = append(targets, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 80))
		}
		samples, summary, err := world{Host: probetest.Listener()}.ping(t, t.Context(), ping.Config{Targets: targets, Count: 5})
		if err != nil || len(samples) != 1000 || summary.States[probe.StateOpen] != 1000 {
			t.Fatalf("%d samples, %v, %v", len(samples), summary.States, err)
		}
		for _, s := range samples {
			want := time.Duration(s.N-1)*time.Second + time.Duration(s.Index)*5*ms
			if s.Due != want || s.Target != targets[s.Index] {
				t.Fatalf("probe %d of target %d is due at %v, want %v", s.N, s.Index, s.Due, want)
			}
		}
	})
}

// An interface that goes away for a while costs the probes in between, but for
// one whose timeout was not over when it came back.
func TestPingSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := world{Host: probetest.Listener(), Config: simnet.Config{SendError: func([]byte) error {
			if at := time.Since(start); at > 10*time.Second && at < 20*time.Second {
				return syscall.ENETDOWN
			}
			return nil
		}}}
		samples, summary, err := w.ping(t, t.Context(), ping.Config{Count: 30})
		failed := count(samples, func(s *ping.Sample) bool {
			return s.Reason == probe.ReasonSendFailed && errors.Is(s.Err, syscall.ENETDOWN)
		})
		open := count(samples, func(s *ping.Sample) bool { return s.State == probe.StateOpen })
		if err != nil || failed < 8 || failed > 9 || open != 30-failed || summary.Sent != warmUp+uint64(open) {
			t.Errorf("%d failed, %d open, %d sent, %v", failed, open, summary.Sent, err)
		}
	})
}

// An old connection on the flow is cleared away, and the probe not lost.
func TestPingClearsAnOldConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := true
		host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if old && in.Flags == craft.SYN {
				ack := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Seq: 1, Ack: 77, Flags: craft.ACK}
				out.Segment(0, &ack)
				return
			}
			if in.Flags == craft.RST && in.Seq == 77 {
				old = false
				return
			}
			simnet.Closed{}.Respond(now, in, out)
		})
		samples, _, err := world{Host: host}.ping(t, t.Context(), ping.Config{Count: 3})
		if err != nil || count(samples, (*ping.Sample).Answered) != 3 {
			t.Errorf("%+v, %v", samples, err)
		}
	})
}

func TestPingEndsWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4500*ms)
		defer cancel()
		start := time.Now()
		w := world{Host: simnet.Slow(probetest.Listener(), 600*ms)}
		samples, summary, err := w.ping(t, ctx, ping.Config{})
		if !errors.Is(err, probe.ErrInterrupted) || summary.Complete {
			t.Errorf("%v, complete %t", err, summary.Complete)
		}
		if open := count(samples, (*ping.Sample).Answered); open != len(samples) || warmUp+uint64(open) != summary.Sent {
			t.Errorf("%d samples, %d open of %d sent: what was in flight is lost", len(samples), open, summary.Sent)
		}
		if took := time.Since(start); took > 5500*ms {
			t.Errorf("took %v", took)
		}
	})
}

func TestPingRefusesNonsense(t *testing.T) {
	for name, cfg := range map[string]ping.Config{
		"no targets":        {},
		"short interval":    {Targets: []netip.AddrPort{target}, Interval: ms / 2},
		"negative interval": {Targets: []netip.AddrPort{target}, Interval: -ms},
	} {
		n := simnet.New(simnet.Config{})
		if _, err := ping.Run(t.Context(), n.Conn(1), cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A target that gets its address late, or another one, goes on from there.
func TestPingRetarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes := make(chan ping.Retarget)
		go func() {
			time.Sleep(5500 * ms)
			changes <- ping.Retarget{Index: 1, Target: target}
		}()
		other := netip.MustParseAddrPort("198.51.100.9:80")
		samples, _, err := world{Host: probetest.Listener()}.ping(t, t.Context(), ping.Config{
			Targets: []netip.AddrPort{other, {}}, Count: 10, Retarget: changes})
		first := count(samples, func(s *ping.Sample) bool { return s.Index == 0 && s.Answered() })
		second := count(samples, func(s *ping.Sample) bool { return s.Index == 1 && s.Answered() && s.Target == target })
		if err != nil || first != 10 || second < 4 || second > 5 {
			t.Errorf("%d and %d answered, %v", first, second, err)
		}
	})
}
