package wide_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// departures counts what leaves, when.
type departures struct {
	mu    sync.Mutex
	at    map[netip.AddrPort][]time.Duration
	ports map[netip.AddrPort][]uint16
}

func (d *departures) watch(e simnet.Event) {
	var p craft.Packet
	if e.Dir != simnet.Out || p.Decode(e.Data, craft.VerifyChecksums) != nil || p.Segment.Flags != craft.SYN {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	dst := p.Segment.Dst
	d.at[dst] = append(d.at[dst], e.Elapsed)
	d.ports[dst] = append(d.ports[dst], p.Segment.Src.Port())
}

// Every target gets its probes from different ports, the timeout apart.
func TestStatelessSpacing(t *testing.T) {
	for _, rate := range []float64{3, 700, 250_000, math.Inf(1)} {
		synctest.Test(t, func(t *testing.T) {
			d := departures{at: map[netip.AddrPort][]time.Duration{}, ports: map[netip.AddrPort][]uint16{}}
			plan := planOf(t, 2, "1-4", "10.0.0.0/21")
			if rate < 10 {
				plan = planOf(t, 2, "1-4", "10.0.0.0/29")
			}
			const apart = 800 * ms
			if _, err := stateless(t, t.Context(), simnet.Config{Observe: d.watch}, simnet.Dropped{},
				wide.Config{Plan: plan, Config: scan.Config{Rate: rate, Retries: 2, Timeout: apart}}, newAnswers()); err != nil {
				t.Fatal(err)
			}
			for i := range plan.Count() {
				at, ports := d.at[plan.At(i)], d.ports[plan.At(i)]
				if len(at) != 3 || at[1]-at[0] < apart || at[2]-at[1] < apart {
					t.Fatalf("%v pps: %v probed at %v", rate, plan.At(i), at)
				}
				slices.Sort(ports)
				if len(slices.Compact(ports)) != 3 {
					t.Fatalf("%v pps: %v probed from ports %v", rate, plan.At(i), ports)
				}
				if limit := apart + apart/20 + time.Duration(4/rate*float64(time.Second)); at[1]-at[0] > limit && rate > 10 {
					t.Fatalf("%v pps: %v probed at %v: more than %v apart", rate, plan.At(i), at, limit)
				}
			}
		})
	}
}

// drain is a Blaster that takes everything and answers nothing.
type drain struct {
	mu    sync.Mutex
	sent  uint64
	most  int           // sent in one millisecond
	tick  time.Duration // that millisecond
	count int
	start time.Time
	fail  func(*craft.Fields) error
	stop  chan struct{}
	once  sync.Once
}

func newDrain() *drain { return &drain{start: time.Now(), stop: make(chan struct{})} }

func (d *drain) Blast(f []craft.Fields) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range f {
		if d.fail == nil {
			break
		}
		if err := d.fail(&f[i]); err != nil {
			d.sent += uint64(i)
			return i, err
		}
	}
	d.sent += uint64(len(f))
	if now := time.Since(d.start).Truncate(ms); now != d.tick {
		d.tick, d.count = now, 0
	}
	d.count += len(f)
	d.most = max(d.most, d.count)
	return len(f), nil
}
func (d *drain) AnswersResets() bool             { return true }
func (d *drain) Send(p [][]byte) (int, error)    { return len(p), nil }
func (d *drain) Ports() []uint16                 { return []uint16{40000, 40001} }
func (d *drain) Stats() netraw.Stats             { return netraw.Stats{} }
func (d *drain) MonotonicRaw() time.Duration     { return time.Since(d.start) }
func (d *drain) SetReadDeadline(time.Time) error { d.once.Do(func() { close(d.stop) }); return nil }
func (d *drain) Quiet() bool                     { return true }

func (d *drain) Recv([]netraw.Packet) (int, error) {
	<-d.stop
	return 0, fmt.Errorf("receive: %w", context.DeadlineExceeded)
}
func (*drain) InZone(a netip.Addr, _ int) netip.Addr { return a }
func (d *drain) Route(a netip.Addr) (netraw.Route, error) {
	if a.Is4() {
		return netraw.Route{Source: netip.MustParseAddr("192.0.2.1")}, nil
	}
	return netraw.Route{}, netraw.ErrNoRoute
}

// The pace is exact at any rate, and smooth at the millisecond.
func TestStatelessPace(t *testing.T) {
	for _, tc := range []struct {
		rate float64
		span time.Duration
	}{{1, 200 * time.Second}, {1000, 20 * time.Second}, {1e6, 600 * ms}, {1e7, 100 * ms}} {
		synctest.Test(t, func(t *testing.T) {
			d := newDrain()
			ctx, cancel := context.WithTimeout(t.Context(), tc.span)
			defer cancel()
			s, err := wide.Run(ctx, d, wide.Config{Plan: planOf(t, 1, "80", "0.0.0.0/0"),
				Config: scan.Config{Rate: tc.rate, Retries: -1}}, newAnswers())
			want := tc.rate * tc.span.Seconds()
			if !errors.Is(err, probe.ErrInterrupted) || math.Abs(float64(d.sent)-want) > want/1000+2 || s.Sent != d.sent {
				t.Errorf("%v pps for %v: %d sent, want %v; %v", tc.rate, tc.span, d.sent, want, err)
			}
			if most := 1.5*tc.rate/1000 + 2; float64(d.most) > most {
				t.Errorf("%v pps: %d in one millisecond, want at most %v", tc.rate, d.most, most)
			}
		})
	}
}

// Without a route for IPv6 its targets are unknown, not filtered.
func TestStatelessWithoutRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDrain()
		s, err := wide.Run(t.Context(), d, wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/24", "2001:db8::/120")}, newAnswers())
		if err != nil || d.sent != 3*256 || s.States[probe.StateUnknown] != 256 || s.States[probe.StateFiltered] != 256 || s.Position != 512 {
			t.Errorf("%v, %d sent, %+v", err, d.sent, s)
		}
		d = newDrain()
		if _, err = wide.Run(t.Context(), d, wide.Config{Plan: planOf(t, 1, "80", "2001:db8::/120")}, newAnswers()); !errors.Is(err, netraw.ErrNoRoute) {
			t.Errorf("IPv6 alone: %v", err)
		}
	})
}

// refusing runs a plan of 1,024 targets over a drain that refuses probes.
func refusing(t *testing.T, d *drain, fail func(*craft.Fields) error) (wide.Summary, *answers, error) {
	return refusingOf(t, "10.0.0.0/22", d, fail)
}

// refusingOf is refusing with another plan.
func refusingOf(t *testing.T, network string, d *drain, fail func(*craft.Fields) error) (wide.Summary, *answers, error) {
	d.fail = fail
	found := newAnswers()
	s, err := wide.Run(t.Context(), d, wide.Config{Plan: planOf(t, 1, "80", network)}, found)
	return s, found, err
}

// What a rule of this machine's firewall refuses for good is told, target by
// target; nothing else is held up by it.
func TestStatelessFirewalledTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDrain()
		s, found, err := refusing(t, d, func(f *craft.Fields) error {
			if f.Dst.Addr().As4()[3] == 9 {
				return syscall.EPERM
			}
			return nil
		})
		if err != nil || d.sent != 2*1020 || !s.Complete || s.States[probe.StateFiltered] != 1024 || s.Refusal == nil {
			t.Errorf("%v, %d sent, %+v", err, d.sent, s)
		}
		if len(found.best) != 4 {
			t.Fatalf("%d records, want those of the 4 refused", len(found.best))
		}
		for pair, v := range found.best {
			if v.Reason != probe.ReasonLocalFirewall || len(v.Findings) != 1 || pair.Addr().As4()[3] != 9 {
				t.Errorf("%v: %+v", pair, v)
			}
		}
	})
}

// A refusal that passes is a delay, and the same probe is tried anew: with the
// numbers that it had, and the clock of its sending.
func TestStatelessDelayedProbes(t *testing.T) {
	for name, refusal := range map[string]error{
		"EAGAIN": syscall.EAGAIN, "ENOBUFS": syscall.ENOBUFS, "EINVAL": syscall.EINVAL,
		"one EPERM": syscall.EPERM, "ENETUNREACH": syscall.ENETUNREACH,
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDrain()
			refused := map[netip.AddrPort]bool{}
			left := map[netip.AddrPort]int{}
			s, found, err := refusing(t, d, func(f *craft.Fields) error {
				if f.Dst.Addr().As4()[3]%5 == 1 && !refused[f.Dst] {
					refused[f.Dst] = true
					return fmt.Errorf("sendmmsg: %w", refusal)
				}
				left[f.Dst]++
				return nil
			})
			if err != nil || !s.Complete || s.Sent != 2048 || d.sent != 2048 || len(refused) < 200 {
				t.Errorf("%s: %v, %d sent, %d refused, %+v", name, err, d.sent, len(refused), s)
			}
			if s.States[probe.StateFiltered] != 1024 || len(found.best) > 0 || s.Position != 1024 {
				t.Errorf("%s: %+v", name, s)
			}
			for pair, n := range left {
				if n != 2 {
					t.Errorf("%s: %v left %d times", name, pair, n)
				}
			}
		})
	}
}

// Probes to one target that the kernel takes no packets for do not hold up
// those to others, and a checkpoint does not pass them by.
func TestStatelessDelaysHoldUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDrain()
		var last time.Time
		marks := []uint64{}
		stuck := netip.MustParseAddr("10.0.1.77")
		d.fail = func(f *craft.Fields) error {
			if f.Dst.Addr() == stuck && time.Since(d.start) < 6*time.Second {
				return syscall.EAGAIN
			}
			last = time.Now()
			return nil
		}
		plan := planOf(t, 1, "80", "10.0.0.0/22")
		at, _ := plan.Order.Index(netip.AddrPortFrom(stuck, 80))
		s, err := wide.Run(t.Context(), d, wide.Config{
			Plan: plan, CheckpointEvery: 500 * ms,
			Checkpoint: func(p uint64) error { marks = append(marks, p); return nil },
		}, newAnswers())
		if err != nil || !s.Complete || s.Sent != 2048 || last.Sub(d.start) > 8*time.Second {
			t.Errorf("%v: %+v, the last left after %v", err, s, last.Sub(d.start))
		}
		for _, p := range marks[:10] {
			if p > at {
				t.Errorf("a checkpoint says %d, and position %d had not been sent", p, at)
			}
		}
	})
}

// Where a firewall lets nothing out, a run ends and says so.
func TestStatelessFirewalledMachine(t *testing.T) {
	probetest.Plain(t)
	t.Parallel()
	for _, network := range []string{"10.0.0.0/22", "10.0.0.0/8"} {
		synctest.Test(t, func(t *testing.T) {
			d := newDrain()
			d.fail = func(*craft.Fields) error { return syscall.EPERM }
			s, err := wide.Run(t.Context(), d, wide.Config{Plan: planOf(t, 1, "80", network)}, newAnswers())
			if !errors.Is(err, syscall.EPERM) || !errors.Is(err, netraw.ErrLocalFirewall) || s.Complete || s.Refusal == nil {
				t.Errorf("%s: %v, summary %+v", network, err, s)
			}
			if s.Took > 30*time.Second {
				t.Errorf("%s: took %v to find out", network, s.Took)
			}
		})
	}
}

// One that lets nothing out any more ends a run of which some has left: that is no run of which
// nothing did.
func TestStatelessFirewalledInTheMiddle(t *testing.T) {
	probetest.Plain(t)
	synctest.Test(t, func(t *testing.T) {
		d := newDrain()
		d.fail = func(*craft.Fields) error {
			if d.sent < 500 {
				return nil
			}
			return syscall.EPERM
		}
		s, err := wide.Run(t.Context(), d, wide.Config{Plan: planOf(t, 1, "80", "10.0.0.0/8")}, newAnswers())
		if !errors.Is(err, probe.ErrNetworkDown) || !errors.Is(err, netraw.ErrLocalFirewall) || errors.Is(err, probe.ErrNothingSent) || s.Complete || s.Sent != 500 {
			t.Errorf("%v, summary %+v", err, s)
		}
	})
}

// An interface that cannot do it is tried once.
func TestStatelessUnableInterface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tried := 0
		_, _, err := refusing(t, newDrain(), func(*craft.Fields) error { tried++; return netraw.ErrXDPInterface })
		if !errors.Is(err, netraw.ErrXDPInterface) || tried != 1 {
			t.Errorf("an interface that cannot do it was tried %d times: %v", tried, err)
		}
	})
}

// What the kernel never has room for is tried for a time of the run.
func TestStatelessNeverRoom(t *testing.T) {
	probetest.Plain(t)
	for _, from := range []uint64{0, 100} {
		synctest.Test(t, func(t *testing.T) {
			d, began := newDrain(), time.Now()
			s, _, err := refusingOf(t, "10.0.0.0/24", d, func(*craft.Fields) error {
				if d.sent < from {
					return nil
				}
				return syscall.ENOBUFS
			})
			want := probe.ErrNothingSent
			if from > 0 {
				want = probe.ErrNetworkDown
			}
			if took := time.Since(began); !errors.Is(err, want) || !errors.Is(err, syscall.ENOBUFS) || s.Complete || took > 15*time.Second {
				t.Errorf("%d had left: %v after %v", from, err, took)
			}
		})
	}
}

// An outage is a time: a short one delays a run, and passes nothing over; a long
// one ends it, at a position from which it can go on.
func TestStatelessOutage(t *testing.T) {
	for _, away := range []time.Duration{150 * ms, 3 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			d := newDrain()
			var began time.Time
			s, _, err := refusing(t, d, func(*craft.Fields) error {
				if d.sent <= 500 {
					return nil
				}
				if began.IsZero() {
					began = time.Now()
				}
				if time.Since(began) < away {
					return fmt.Errorf("sendto: %w", syscall.ENETDOWN)
				}
				return nil
			})
			if away < time.Minute {
				if err != nil || d.sent != 2048 || !s.Complete || s.States[probe.StateFiltered] != 1024 {
					t.Errorf("away for %v: %v, %d sent, summary %+v", away, err, d.sent, s)
				}
				return
			}
			if !errors.Is(err, probe.ErrNetworkDown) || !errors.Is(err, syscall.ENETDOWN) || s.Position > 500 || s.Complete {
				t.Errorf("%v, summary %+v", err, s)
			}
			if gave := time.Since(began); gave < 9*time.Second || gave > 15*time.Second {
				t.Errorf("given up after %v", gave)
			}
		})
	}
}
