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
func (d *drain) Recv([]netraw.Packet) (int, error) {
	<-d.stop
	return 0, fmt.Errorf("receive: %w", context.DeadlineExceeded)
}
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
	}{{1, 200 * time.Second}, {1000, 20 * time.Second}, {1e6, 2 * time.Second}, {1e7, 300 * ms}} {
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
		if err != nil || d.sent != 512 || s.States[probe.StateUnknown] != 256 || s.States[probe.StateFiltered] != 256 || s.Position != 512 {
			t.Errorf("%v, %d sent, %+v", err, d.sent, s)
		}
		d = newDrain()
		if _, err = wide.Run(t.Context(), d, wide.Config{Plan: planOf(t, 1, "80", "2001:db8::/120")}, newAnswers()); !errors.Is(err, netraw.ErrNoRoute) {
			t.Errorf("IPv6 alone: %v", err)
		}
	})
}

// A probe that the kernel refuses costs only itself; a network that is gone
// ends the run, at a position from which it can go on.
func TestStatelessRefusedPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := planOf(t, 1, "80", "10.0.0.0/22")
		d := newDrain()
		d.fail = func(f *craft.Fields) error {
			if f.Dst.Addr().As4()[3] == 9 {
				return syscall.EPERM
			}
			return nil
		}
		s, err := wide.Run(t.Context(), d, wide.Config{Plan: plan}, newAnswers())
		if err != nil || d.sent != 2*1020 || s.States[probe.StateUnknown] != 4 || !s.Complete {
			t.Errorf("%v, %d sent, %+v", err, d.sent, s)
		}
		d = newDrain()
		d.fail = func(*craft.Fields) error { return syscall.EPERM }
		if s, err = wide.Run(t.Context(), d, wide.Config{Plan: plan}, newAnswers()); !errors.Is(err, syscall.EPERM) || s.Complete || s.Refusal == nil {
			t.Errorf("nothing may be sent: %v, summary %+v", err, s)
		}
		d = newDrain()
		tried := 0
		d.fail = func(*craft.Fields) error { tried++; return netraw.ErrXDPInterface }
		if _, err = wide.Run(t.Context(), d, wide.Config{Plan: plan}, newAnswers()); !errors.Is(err, netraw.ErrXDPInterface) || tried != 1 {
			t.Errorf("an interface that cannot do it was tried %d times: %v", tried, err)
		}
		d = newDrain()
		d.fail = func(*craft.Fields) error {
			if d.sent > 500 {
				return syscall.ENETDOWN
			}
			return nil
		}
		s, err = wide.Run(t.Context(), d, wide.Config{Plan: plan}, newAnswers())
		if !errors.Is(err, probe.ErrNetworkDown) || s.Position > 500 || s.Complete {
			t.Errorf("%v, summary %+v", err, s)
		}
	})
}
