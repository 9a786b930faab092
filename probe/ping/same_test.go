package ping_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// series are the samples of a ping, and those that were told of late.
func series(t *testing.T, w probetest.World, cfg ping.Config) (samples, late []ping.Sample, s probe.Summary) {
	t.Helper()
	conn := w.Conn()
	defer conn.Close()
	cfg.Targets = []netip.AddrPort{target}
	cfg.Late = func(s ping.Sample) { late = append(late, s) }
	s, err := ping.Run(t.Context(), conn, cfg, func(s ping.Sample) error { samples = append(samples, s); return nil })
	if err != nil {
		t.Error(err)
	}
	return samples, late, s
}

// A target that answers nothing but retransmissions is open: to the first probe late, to those
// after it a second late, with the round trip of the retransmission where a time stamp tells
// that it was answered.
func TestPingRetransmissionRequired(t *testing.T) {
	for _, tc := range []struct {
		name              string
		host              func(simnet.Host) simnet.Host
		interval, timeout time.Duration
		rtt               time.Duration
		lost              int // of 12 probes
	}{
		{"time stamps", func(h simnet.Host) simnet.Host { return h }, time.Second, time.Second, 30 * ms, 1},
		{"time stamps, quickly", func(h simnet.Host) simnet.Host { return h }, 200 * ms, time.Second, 30 * ms, 1},
		{"time stamps, patiently", func(h simnet.Host) simnet.Host { return h }, time.Second, 4 * time.Second, 30 * ms, 0},
		{"none", probetest.Unstamped, time.Second, time.Second, 0, 2},
	} {
		for _, watch := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := probetest.NewPersistent(tc.host(probetest.Listener()))
					w := probetest.World{Host: p, Ports: 8, Config: simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 20 * ms}}}
					if watch {
						w.Opts = append(w.Opts, simnet.WatchOutgoing())
					}
					samples, late, s := series(t, w, ping.Config{Count: 12, Interval: tc.interval, Timeout: tc.timeout})
					lost := 0
					for _, x := range samples {
						if !x.Answered() {
							lost++
							continue
						}
						doubt := probe.DoubtNone
						if tc.rtt == 0 {
							doubt = probe.DoubtRetransmitted
						}
						if !watch && x.Doubt == probe.DoubtCold && x.N < 3 { // its neighbour was not heard of yet
							doubt = probe.DoubtCold
						}
						if x.RTT != tc.rtt || x.Doubt != doubt || x.Repeats != 1 || x.N > 4 && !probetest.Found(x.Findings, probetest.Required) {
							t.Errorf("%+v", x)
						}
					}
					if len(samples) != 12 || lost != tc.lost || len(late) != tc.lost || s.States[probe.StateOpen] != 12 || s.Sent > 1+2*12 {
						t.Errorf("%d lost of %d, %d late, states %v, %d sent", lost, len(samples), len(late), s.States, s.Sent)
					}
					for _, x := range late {
						if x.State != probe.StateOpen || x.Doubt != probe.DoubtLate || x.RTT != 0 {
							t.Errorf("late: %+v", x)
						}
					}
				})
			})
		}
	}
}

// A silent target gets no more than three packets a probe, and a quick ping hardly any more than
// two.
func TestPingSilentBudget(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 200 * ms, ms} {
		synctest.Test(t, func(t *testing.T) {
			samples, late, s := series(t, probetest.World{Host: simnet.Dropped{}, Ports: 64}, ping.Config{Count: 100, Interval: interval})
			seconds := 2 + uint64(100*interval/time.Second)
			if len(samples) != 100 || len(late) > 0 || s.Sent > 1+100+seconds || s.Sent+s.Resets > 1+300 || s.Took > 100*interval+3*time.Second {
				t.Errorf("every %v: %d samples, %d late, %d sent and %d RSTs in %v", interval, len(samples), len(late), s.Sent, s.Resets, s.Took)
			}
		})
	}
}

// Answers that take longer than a second, and those of a host that wakes up, are none to
// retransmissions, and nobody is told that one is probetest.Required.
func TestPingSlowAnswersRequireNoRetransmission(t *testing.T) {
	for _, unstamped := range []bool{false, true} {
		for _, delay := range []time.Duration{550 * ms, 750 * ms, 950 * ms} {
			for _, interval := range []time.Duration{time.Second, 300 * ms, 50 * ms} {
				synctest.Test(t, func(t *testing.T) {
					h := probetest.Listener()
					if unstamped {
						h = probetest.Unstamped(h)
					}
					path := simnet.Path{Delay: delay}
					samples, late, s := series(t, probetest.World{Host: h, Ports: 64, Config: simnet.Config{Out: path, Back: path}}, ping.Config{Count: 10, Interval: interval})
					told := func(x ping.Sample) bool { return probetest.Found(x.Findings, probetest.Required) || x.RTT != 0 }
					if slices.ContainsFunc(samples, told) || slices.ContainsFunc(late, told) || interval == time.Second && s.States[probe.StateOpen] < 9 {
						t.Errorf("%v each way, every %v: %v, late %v, states %v", delay, interval, samples, late, s.States)
					}
				})
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		h := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN {
				out.Segment(max(0, 2500*ms-now.Sub(began)), &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Seq: 1, Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 64240})
			}
		})
		samples, late, _ := series(t, probetest.World{Host: h, Ports: 8}, ping.Config{Count: 6})
		for _, x := range append(samples, late...) {
			if probetest.Found(x.Findings, probetest.Required) {
				t.Errorf("woken: %+v", x)
			}
		}
	})
}

// Where packets are lost, hardly any target is told to require retransmissions.
func TestPingLossRequiresNoRetransmission(t *testing.T) {
	told := 0
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: 5 * ms, Loss: 0.2}
			samples, _, _ := series(t, probetest.World{Host: probetest.Listener(), Ports: 8, Config: simnet.Config{Seed: seed, Out: path, Back: path}}, ping.Config{Count: 10})
			if probetest.Found(samples[len(samples)-1].Findings, probetest.Required) {
				told++
			}
		})
	}
	if told > 0 {
		t.Errorf("%d of 100", told)
	}
}
