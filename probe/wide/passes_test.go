package wide_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// Probes follow the loss: of the open ports no more stay hidden than loss leaves after
// twelve probes, and where nothing is lost each target gets two.
func TestPassesFollowTheLoss(t *testing.T) {
	probetest.Plain(t)
	t.Parallel()
	for _, tc := range []struct {
		loss        float64 // each way
		least, most int     // probes a target
		cautious    int     // the same at most with other keys than the first, where chance has its share
		recall      float64
	}{{0, 2, 2, 2, 1}, {0.02, 3, 4, 4, 0.999}, {0.1, 4, 6, 6, 0.998}, {0.2, 6, 8, 11, 0.998}, {0.4, 12, 12, 12, 0.99}} {
		eachKey(t, func(t *testing.T, key [16]byte) {
			plan := planOf(t, 9, "443", "10.0.0.0/19", "2001:db8::/117")
			path := simnet.Path{Delay: 20 * ms, Jitter: 50 * ms, Loss: tc.loss}
			probes := map[netip.AddrPort]int{}
			found := newAnswers()
			s, err := stateless(t, t.Context(), simnet.Config{Seed: 1, Out: path, Back: path, Observe: firstProbes(probes)}, internet,
				wide.Config{Plan: plan, MostRetries: wide.DefaultMostRetries, Config: scan.Config{Rate: 50_000, Key: key}}, found)
			if err != nil || !s.Complete || s.Position != plan.Count() {
				t.Fatalf("%v, %+v", err, s)
			}
			open, wrong := missed(t, internet, plan, found)
			recall := 1 - float64(open)/float64(open+found.count(probe.StateOpen))
			t.Logf("loss %v: %d probes a target, recall %.4f, %d of %d trials lost, confidence %.4f", tc.loss, s.Attempts, recall, s.Loss.Unanswered, s.Loss.Sent, s.Confidence)
			most, slack := tc.most, 0.0
			if key != ([16]byte{1}) {
				most, slack = tc.cautious, 0.005
			}
			if recall < tc.recall-slack || wrong > 0 {
				t.Errorf("loss %v: recall %.4f, %d wrong", tc.loss, recall, wrong)
			}
			if off := s.Confidence - recall; off < -0.005-slack || off > 0.005+slack { // five of a thousand open ports
				t.Errorf("loss %v: confidence %.4f, recall %.4f", tc.loss, s.Confidence, recall)
			}
			if s.Attempts < tc.least || s.Attempts > most {
				t.Errorf("loss %v: %d probes a target, want %d to %d", tc.loss, s.Attempts, tc.least, most)
			}
			for i := range plan.Count() {
				if n := probes[plan.At(i)]; n < tc.least {
					t.Fatalf("loss %v: position %d was probed %d times", tc.loss, i, n)
				}
			}
		})
	}
}

// Probes of a target keep their distance also where passes are added.
func TestAddedPassesKeepTheSpacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const spacing = 300 * ms
		last := map[netip.AddrPort]time.Time{}
		nearest := time.Hour
		watch := func(e simnet.Event) {
			var p craft.Packet
			if e.Dir != simnet.Out || p.Decode(e.Data, craft.TrustChecksums) != nil || p.Segment.Flags != craft.SYN {
				return
			}
			if before, ok := last[p.Segment.Dst]; ok {
				nearest = min(nearest, e.Time.Sub(before))
			}
			last[p.Segment.Dst] = e.Time
		}
		path := simnet.Path{Delay: 20 * ms, Loss: 0.3}
		s, err := stateless(t, t.Context(), simnet.Config{Seed: 1, Out: path, Back: path, Observe: watch}, internet,
			wide.Config{Plan: planOf(t, 9, "443", "10.0.0.0/20"), MostRetries: 11, Config: scan.Config{Rate: 5_000, Timeout: spacing}}, newAnswers())
		if err != nil || s.Attempts < 8 || nearest < spacing {
			t.Errorf("%v, %d probes a target, the nearest %v apart", err, s.Attempts, nearest)
		}
	})
}

// A loss that comes in the middle of a run and goes again costs more probes while it
// is there, and few after.
func TestPassesEndWithTheLoss(t *testing.T) {
	t.Parallel()
	probetest.Plain(t)
	synctest.Test(t, func(t *testing.T) {
		start, r := time.Now(), rand.New(rand.NewPCG(1, 2))
		bad := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if since := now.Sub(start); since < 8*time.Second || since > 22*time.Second || r.IntN(2) == 0 {
				internet.Respond(now, in, out)
			}
		})
		plan := planOf(t, 3, "80", "10.0.0.0/17")
		found := newAnswers()
		s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 20 * ms}}, bad,
			wide.Config{Plan: plan, MostRetries: 11, Config: scan.Config{Rate: 1250}}, found)
		open, wrong := missed(t, internet, plan, found)
		t.Logf("%d open missed, %d sent for %d targets, now %d each", open, s.Sent, s.Probes, s.Attempts)
		if err != nil || wrong > 0 || float64(open) > 0.005*float64(found.count(probe.StateOpen)) {
			t.Errorf("%v, %d open ports missed of %d, %d wrong", err, open, found.count(probe.StateOpen), wrong)
		}
		if s.Attempts != 2 || s.Sent > 4*plan.Count() {
			t.Errorf("%d probes a target after the loss, %d sent for %d targets", s.Attempts, s.Sent, plan.Count())
		}
	})
}

// However often a run on a bad network is interrupted, its parts find what there is.
func TestPassesInterruptedAndResumed(t *testing.T) {
	t.Parallel()
	probetest.Plain(t)
	synctest.Test(t, func(t *testing.T) {
		plan := planOf(t, 4, "80", "10.0.0.0/18")
		all := newAnswers()
		path := simnet.Path{Delay: 20 * ms, Loss: 0.3}
		from, parts := uint64(0), 0
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
			s, err := stateless(t, ctx, simnet.Config{Seed: uint64(parts), Out: path, Back: path}, internet,
				wide.Config{Plan: plan, From: from, MostRetries: 11, Config: scan.Config{Rate: 2500}}, all)
			cancel()
			if parts++; err == nil {
				break
			}
			if !errors.Is(err, probe.ErrInterrupted) || s.Position < from || parts > 20 {
				t.Fatalf("part %d from %d: %v, %+v", parts, from, err, s)
			}
			from = s.Position
		}
		open, wrong := missed(t, internet, plan, all)
		if wrong > 0 || float64(open) > 0.005*float64(all.count(probe.StateOpen)) || parts < 2 {
			t.Errorf("after %d parts %d open ports missed of %d, %d wrong", parts, open, all.count(probe.StateOpen), wrong)
		}
	})
}

// An outage is no loss: what fell into it is sent again, and no more probes than
// before are sent afterwards.
func TestOutagesAreNoLoss(t *testing.T) {
	for _, from := range []time.Duration{time.Second, 2900 * ms, 3500 * ms, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			cut := simnet.Away(simnet.Closed{}, from, from+3*time.Second)
			found := newAnswers()
			s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 5 * ms}}, cut, wide.Config{
				Plan: planOf(t, 3, "1-3000", "10.0.0.1"), MostRetries: 11, Config: scan.Config{Rate: 1000},
			}, found)
			if err != nil || s.States[probe.StateRefused] != 3000 || s.Outages != 1 {
				t.Errorf("away from %v: %v, %+v", from, err, s)
			}
			if s.Attempts != 2 || s.Sent > 9500 {
				t.Errorf("away from %v: %d probes a target, %d sent, loss %+v", from, s.Attempts, s.Sent, s.Loss)
			}
		})
	}
}
