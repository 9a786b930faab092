package connect_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/connect"
	"synscope/probe/scan"
)

// away is a host that refuses every connect, 5 ms away, and is not there from one
// moment to another. The ports below filtered never answer.
type away struct {
	start    time.Time
	from, to time.Duration
	filtered uint16
	syns     atomic.Uint64 // that it was sent
}

func (h *away) Dial(ctx context.Context, dst netip.AddrPort) (netraw.Handshake, error) {
	h.syns.Add(1)
	if since := time.Since(h.start); dst.Port() >= h.filtered && (since < h.from || since > h.to) {
		time.Sleep(5 * time.Millisecond)
		return netraw.Handshake{}, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	<-ctx.Done()
	h.syns.Add(2)
	return netraw.Handshake{Retransmits: 2}, ctx.Err()
}

// counts checks that every SYN that the host was sent is counted, those of connects that
// came to nothing and of the witness included.
func (h *away) counts(t *testing.T, s *probe.Summary) {
	t.Helper()
	if n := h.syns.Load(); s.Sent != n || s.Retransmitted >= n {
		t.Errorf("%d packets sent, %d retransmitted; the host was sent %d", s.Sent, s.Retransmitted, n)
	}
}

func over(t *testing.T, ctx context.Context, h *away) (verdicts, probe.Summary, error) {
	t.Helper()
	targets := ports(netip.MustParseAddr("192.0.2.1"), 3000)
	h.start = time.Now()
	found := verdicts{}
	s, err := connect.Run(ctx, h, scan.Config{Targets: slices.Values(targets), Rate: 1000, Timeout: 500 * time.Millisecond, Retries: 3}, found)
	return found, s, err
}

// A host that goes away makes no port filtered: for a moment it costs time, for good
// the ports are unknown and the run was cut short.
func TestHostGoesSilent(t *testing.T) {
	for _, to := range []time.Duration{4 * time.Second, 9 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			h := &away{from: time.Second, to: to}
			found, s, err := over(t, t.Context(), h)
			h.counts(t, &s)
			refused, unknown := s.States[probe.StateRefused], s.States[probe.StateUnknown]
			switch {
			case len(found) != 3000 || refused+unknown != 3000:
				t.Errorf("away until %v: %d verdicts, %v", to, len(found), s.States)
			case to < time.Minute && (err != nil || unknown > 0 || !s.Complete):
				t.Errorf("away until %v: %v, %v", to, err, s.States)
			case to > time.Minute && (!errors.Is(err, probe.ErrWentSilent) || s.Complete || s.WentSilent != unknown || refused < 900 || s.Took > 30*time.Second):
				t.Errorf("away for good: %v, %v in %v", err, s.States, s.Took)
			}
		})
	}
}

// delayed is a host for which some connects wait for a tenth of a second before the kernel sends their SYN,
// for a processor, or for a port. Of others the first SYN is lost.
type delayed struct{ away }

func (h *delayed) Dial(ctx context.Context, dst netip.AddrPort) (netraw.Handshake, error) {
	switch dst.Port() % 5 {
	case 0:
		time.Sleep(100 * time.Millisecond)
	case 1:
		time.Sleep(time.Second)
	}
	return h.away.Dial(ctx, dst)
}

// What left only after a host had gone away makes no port filtered, however early its connect was begun.
func TestSilenceOfLateSYNs(t *testing.T) {
	for _, to := range []time.Duration{6 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			h := &delayed{away{start: time.Now(), from: 2 * time.Second, to: to}}
			s, _ := connect.Run(t.Context(), h, scan.Config{Targets: slices.Values(ports(netip.MustParseAddr("192.0.2.1"), 3000)), Rate: 200,
				Timeout: 500 * time.Millisecond, Retries: 3}, verdicts{})
			refused, unknown := s.States[probe.StateRefused], s.States[probe.StateUnknown]
			if refused+unknown != 3000 || unknown > 0 != (to == time.Hour) {
				t.Errorf("away until %v: %v in %v", to, s.States, s.Took)
			}
		})
	}
}

// lossy is a host that refuses every connect, of which the first two SYNs are lost, and is not there for twelve seconds.
type lossy struct{ away }

func (h *lossy) Dial(ctx context.Context, dst netip.AddrPort) (netraw.Handshake, error) {
	handshake, err := h.away.Dial(ctx, dst)
	if ctx.Err() == nil {
		handshake.Retransmits = 2
	}
	return handshake, err
}

// Where most is lost, ten seconds of silence are no absence yet.
func TestSilenceOverMuchLossIsWatchedLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &lossy{away{start: time.Now(), from: time.Second, to: 14 * time.Second}}
		s, err := connect.Run(t.Context(), h, scan.Config{Targets: slices.Values(ports(netip.MustParseAddr("192.0.2.1"), 1500)), Rate: 1000,
			Timeout: 500 * time.Millisecond, Retries: 3}, verdicts{})
		if err != nil || s.States[probe.StateRefused] != 1500 {
			t.Errorf("%v, %v in %v", err, s.States, s.Took)
		}
	})
}

// ports are so many of a host, from the first.
func ports(a netip.Addr, n uint16) (all []netip.AddrPort) {
	for port := range n {
		all = append(all, netip.AddrPortFrom(a, port+1))
	}
	return all
}

// Filtered ports of a host that answers elsewhere stay filtered.
func TestFilteredPortsStayFiltered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &away{filtered: 2001, from: time.Hour, to: time.Hour}
		found, s, err := over(t, t.Context(), h)
		h.counts(t, &s)
		for port := range uint16(2000) {
			if v := found[netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port+1)]; v.Attempts != 3 {
				t.Fatalf("port %d: %d attempts", port+1, v.Attempts)
			}
		}
		if err != nil || !s.Complete || s.States[probe.StateFiltered] != 2000 || s.States[probe.StateRefused] != 1000 || len(found) != 3000 {
			t.Errorf("%v, %v", err, s.States)
		}
	})
}

// An interrupt does not wait for a witness, and what waits for one is no verdict.
func TestInterruptDuringASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, s, err := over(t, ctx, &away{from: time.Second, to: time.Hour})
		if !errors.Is(err, probe.ErrInterrupted) || s.Complete || s.States[probe.StateFiltered] > 0 || s.Took > 10*time.Second {
			t.Errorf("%v, %v in %v", err, s.States, s.Took)
		}
	})
}

// narrow is a machine that has room for a few connects at a time, and a host that
// keeps silent on every port but the first.
type narrow struct{ taken, room atomic.Int64 }

func (n *narrow) Dial(ctx context.Context, dst netip.AddrPort) (netraw.Handshake, error) {
	if n.taken.Add(1) > n.room.Load() {
		n.taken.Add(-1)
		return netraw.Handshake{}, syscall.EMFILE
	}
	defer n.taken.Add(-1)
	if dst.Port() == 1 {
		return netraw.Handshake{RTT: time.Millisecond}, nil
	}
	<-ctx.Done()
	return netraw.Handshake{}, ctx.Err()
}

// Connects wait for each other as long as others end, which may be long where most
// time out; where none ends, they give up.
func TestConnectsWaitForRoom(t *testing.T) {
	for room, want := range map[int64]probe.State{3: probe.StateFiltered, 0: probe.StateUnknown} {
		synctest.Test(t, func(t *testing.T) {
			n := &narrow{}
			n.room.Store(room)
			const count = 60
			targets := func(yield func(netip.AddrPort) bool) {
				for port := uint16(1); port <= count && yield(netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)); port++ {
				}
			}
			found := verdicts{}
			s, err := connect.Run(t.Context(), n, scan.Config{Targets: targets, Timeout: time.Second, Retries: 1}, found)
			if len(found) != count || s.States[want] < count-1 {
				t.Errorf("room for %d: %d verdicts, %v, %v", room, len(found), s.States, err)
			}
		})
	}
}
