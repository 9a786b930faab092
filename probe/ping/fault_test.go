package ping_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// stopping is a connection in whose Send the process is stopped, once.
type stopping struct {
	*simnet.Conn
	at   time.Time
	long time.Duration
	once sync.Once
}

func (s *stopping) Send(pkts [][]byte) (int, error) {
	if time.Now().After(s.at) {
		s.once.Do(func() { time.Sleep(s.long) })
	}
	return s.Conn.Send(pkts)
}

// A process that is stopped for a while loses no answer that had come in time,
// leaves no probe out, and catches up without a burst.
func TestPingAfterAPause(t *testing.T) {
	for _, tc := range []struct{ pause, delay, interval time.Duration }{
		{900 * ms, 10 * ms, ms}, {1600 * ms, 150 * ms, ms}, {3 * time.Second, 300 * ms, 10 * ms}, {1600 * ms, 150 * ms, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: tc.delay}
			w := probetest.World{Host: probetest.Listener(), Ports: 64, Config: simnet.Config{Out: path, Back: path}, Opts: []simnet.Option{simnet.WatchOutgoing()}}
			conn := &stopping{Conn: w.Conn(), at: time.Now().Add(1500 * ms), long: tc.pause}
			defer conn.Close()
			var left []time.Time
			count := uint64(6*time.Second/tc.interval) + 1
			summary, err := ping.Run(t.Context(), conn, ping.Config{Targets: []netip.AddrPort{target}, Count: count, Interval: tc.interval}, func(s ping.Sample) error {
				if s.State != probe.StateOpen || s.RTT != 2*tc.delay || s.Doubt != probe.DoubtNone {
					t.Errorf("%+v", s)
				}
				left = append(left, s.Sent)
				return nil
			})
			// A SYN-ACK that came again meanwhile is closed once more, which may
			// have a newer SYN on its flow challenged.
			if err != nil || uint64(len(left)) != count || summary.Sent != warmUp+count+summary.Retransmitted || summary.Retransmitted > 3 {
				t.Errorf("%d samples of %d probes sent, %v", len(left), summary.Sent, err)
			}
			slices.SortFunc(left, time.Time.Compare)
			for i := 3; i < len(left); i++ {
				if apart := left[i].Sub(left[i-2]); apart < min(tc.interval/2, ms) {
					t.Fatalf("three probes left within %v", apart)
				}
			}
		})
	}
}

// A port gets one SYN and one RST a probe, whatever the pace, and one RST more for each
// SYN-ACK that is repeated; one that answers nothing the same SYN once more now and then.
func TestPingClosesOnce(t *testing.T) {
	late := func() simnet.Host { return simnet.Slow(probetest.Listener(), 600*ms) }
	repeats := func() simnet.Host {
		again := simnet.Slow(simnet.Only(craft.SYN, simnet.AllOpen{}), time.Second)
		return simnet.Chorus(simnet.Only(craft.SYN, simnet.AllOpen{}), again)
	}
	for _, tc := range []struct {
		name   string
		host   func() simnet.Host
		count  uint64
		config ping.Config
		resets uint64 // a probe
	}{
		{"silent", func() simnet.Host { return simnet.Dropped{} }, 6000, ping.Config{Interval: ms, Timeout: 10 * time.Second}, 1},
		{"silent, other flows", func() simnet.Host { return simnet.Dropped{} }, 6000, ping.Config{Interval: ms, Timeout: 10 * time.Second, Flow: probe.FlowVary}, 1},
		{"answers late", late, 20, ping.Config{Interval: 100 * ms, Timeout: 500 * ms}, 1},
		{"answers late, ports used again", late, 3000, ping.Config{Interval: ms, Timeout: 500 * ms}, 1},
		{"repeats its SYN-ACKs", repeats, 20, ping.Config{Interval: 100 * ms, Timeout: 1500 * ms}, 2},
		{"repeats its SYN-ACKs, ports used again", repeats, 3000, ping.Config{Interval: ms}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := tc.config
				cfg.Count = tc.count
				_, summary, err := world{Host: tc.host(), Ports: 64}.ping(t, t.Context(), cfg)
				if most := tc.resets * summary.Sent; err != nil || summary.Sent-tc.count < warmUp || summary.Sent-tc.count > warmUp+10 || summary.Resets > most || summary.Resets < most/2 {
					t.Errorf("%d SYNs and %d RSTs, %v", summary.Sent, summary.Resets, err)
				}
			})
		})
	}
}

// The rate bounds all packets, RSTs too.
func TestPingKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		observe := func(e simnet.Event) {
			if e.Dir == simnet.Out {
				at = append(at, e.Elapsed)
			}
		}
		w := world{Host: probetest.Listener(), Ports: 64, Config: simnet.Config{Back: simnet.Path{Delay: 5 * ms}, Observe: observe}}
		_, summary, err := w.ping(t, t.Context(), ping.Config{Count: 1000, Interval: 2 * ms, Rate: 500})
		if err != nil || summary.States[probe.StateOpen] != 1000 {
			t.Errorf("%v, %v", summary.States, err)
		}
		const window = 100 // packets, over which the rate must hold
		for i := window; i < len(at); i++ {
			if took := at[i] - at[i-window]; took < 190*ms {
				t.Fatalf("%d packets within %v", window, took)
			}
		}
	})
}

// The network goes away for longer than a run with an end waits; one without goes
// on.
func TestPingThroughALongOutage(t *testing.T) {
	for _, ends := range []uint64{60, 0} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			w := world{Host: probetest.Listener(), Config: simnet.Config{SendError: func([]byte) error {
				if at := time.Since(start); at > 10*time.Second && at < 40*time.Second {
					return syscall.ENETUNREACH
				}
				return nil
			}}}
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			samples, summary, err := w.ping(t, ctx, ping.Config{Count: ends})
			open := count(samples, func(s *ping.Sample) bool { return s.State == probe.StateOpen })
			took := time.Since(start)
			switch {
			case summary.Complete:
				t.Error("complete")
			case ends > 0 && (!errors.Is(err, probe.ErrNetworkDown) || open > 11 || took < 20*time.Second || took > 23*time.Second):
				t.Errorf("%d open after %v: %v", open, took, err)
			case ends == 0 && (!errors.Is(err, probe.ErrInterrupted) || open < 29):
				t.Errorf("%d open: %v", open, err)
			}
		})
	}
}

// What the kernel never has room for is tried for a time of the run, however many probes wait.
func TestPingThatNeverHasRoom(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOBUFS, syscall.EINVAL} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			w := world{Host: probetest.Listener(), Config: simnet.Config{SendError: func([]byte) error { return errno }}}
			_, summary, err := w.ping(t, t.Context(), ping.Config{Count: 100})
			if took := time.Since(start); !errors.Is(err, probe.ErrNothingSent) || !errors.Is(err, errno) || summary.Complete || took > 15*time.Second {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}

// What the kernel refuses to send to one target is told of that one, and costs the
// others nothing.
func TestPingOfOneThatCannotBeSent(t *testing.T) {
	bad := netip.MustParseAddrPort("198.51.100.66:80")
	for _, tc := range []struct {
		errno  syscall.Errno
		state  probe.State
		reason probe.Reason
	}{
		{syscall.EPERM, probe.StateFiltered, probe.ReasonLocalFirewall},
		{syscall.ENETUNREACH, probe.StateUnknown, probe.ReasonSendFailed},
		{syscall.EMSGSIZE, probe.StateUnknown, probe.ReasonSendFailed},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := world{Host: probetest.Listener(), Config: simnet.Config{SendError: func(pkt []byte) error {
				if [4]byte(pkt[16:20]) == bad.Addr().As4() {
					return tc.errno
				}
				return nil
			}}}
			samples, _, err := w.ping(t, t.Context(), ping.Config{Targets: []netip.AddrPort{bad, target, bad}, Count: 20})
			open := count(samples, func(s *ping.Sample) bool { return s.Index == 1 && s.State == probe.StateOpen })
			refused := count(samples, func(s *ping.Sample) bool {
				return s.Index != 1 && s.State == tc.state && s.Reason == tc.reason && errors.Is(s.Err, tc.errno) && s.Sent.IsZero()
			})
			if err != nil || open != 20 || refused != 40 {
				t.Errorf("%v: %d open, %d refused, %v", tc.errno, open, refused, err)
			}
		})
	}
}

// A queue that is full, or a firewall that lets some pass, delays probes.
func TestPingWhatIsRefusedLeavesLater(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EAGAIN, syscall.ENOBUFS, syscall.EINVAL, syscall.EPERM} {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(1, 2))
			w := world{Host: probetest.Listener(), Config: simnet.Config{Back: simnet.Path{Delay: ms}, SendError: func([]byte) error {
				if chance.IntN(3) == 0 {
					return errno
				}
				return nil
			}}}
			samples, summary, err := w.ping(t, t.Context(), ping.Config{Count: 100, Interval: 50 * ms})
			// A refused RST is lost, and may cost the next probe on its flow.
			unsent := count(samples, func(s *ping.Sample) bool { return s.Err != nil || s.Sent.IsZero() })
			if open := count(samples, (*ping.Sample).Timed); err != nil || len(samples) != 100 || unsent > 0 || open < 90 {
				t.Errorf("%v: %d of %d answered, %d not sent, %v", errno, open, summary.Sent, unsent, err)
			}
		})
	}
}

// A SYN-ACK that the far end repeats because the first one was lost is an answer,
// and no round trip.
func TestPingMeasuresNoRepeatedSYNACK(t *testing.T) {
	for _, first := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			n := first
			late, soon := simnet.Slow(probetest.Listener(), time.Second), probetest.Listener()
			w := world{Host: simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
				h := soon
				if in.Flags == craft.SYN {
					if n++; n%3 == 2 { // the first of all is the warm-up probe
						h = late
					}
				}
				h.Respond(now, in, out)
			}), Config: simnet.Config{Back: simnet.Path{Delay: 20 * ms}}}
			samples, _, err := w.ping(t, t.Context(), ping.Config{Count: 12, Timeout: 3 * time.Second, Flow: probe.FlowVary})
			for _, s := range samples {
				if s.State != probe.StateOpen || s.RTT != 20*ms && (s.RTT != 0 || s.Doubt != probe.DoubtRepeated) {
					t.Errorf("%+v", s)
				}
			}
			if again := count(samples, func(s *ping.Sample) bool { return s.Doubt == probe.DoubtRepeated }); err != nil || again != 4 {
				t.Errorf("%d of %d were repeated, %v", again, len(samples), err)
			}
		})
	}
}
