package wide_test

import (
	"math/rand/v2"
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

// bottleneck is a queue before a host: so many packets wait in it, and so many leave it
// each second, at random times, as others use it too. What finds no room is lost.
type bottleneck struct {
	simnet.Host
	random    *rand.Rand
	perSecond float64
	room      float64
	waiting   float64
	at        time.Time
	lost      int
}

func (b *bottleneck) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	for ; b.at.Before(now); b.waiting = max(0, b.waiting-1) {
		b.at = b.at.Add(time.Duration(b.random.ExpFloat64() / b.perSecond * float64(time.Second)))
	}
	if b.waiting+1 > b.room {
		b.lost++
		return
	}
	b.waiting++
	delayed := cloned(in)
	out.Schedule(time.Duration(b.waiting/b.perSecond*float64(time.Second)), func(at time.Time, out simnet.Emitter) { b.Host.Respond(at, delayed, out) })
}

// pacedRun probes ports of one host, and says how.
func pacedRun(t *testing.T, host simnet.Host, out, back simnet.Path, seed uint64, ports string, fixed bool) (wide.Summary, *answers) {
	t.Helper()
	found := newAnswers()
	plan := planOf(t, seed, ports, "10.0.0.1")
	s, err := statelessFrom(t, t.Context(), wide.DefaultMostRetries+1, simnet.Config{Seed: 3, Out: out, Back: back}, host,
		wide.Config{Plan: plan, LeastTimeout: wide.DefaultLeastTimeout, MostRetries: wide.DefaultMostRetries, Config: scan.Config{FixedRate: fixed}}, found)
	if err != nil || !s.Complete {
		t.Fatalf("%v, %+v", err, s)
	}
	t.Logf("fixed %v: %d answered, %d sent in %v, %d probes each, pace %.0f", fixed, len(found.best), s.Sent, s.Took, s.Attempts, s.Pace)
	return s, found
}

// Where a queue on the way is too short for the pace, a run slows down, and finds all:
// sooner, and with fewer packets, than one that keeps to the pace.
func TestPaceFollowsTheQueueOnTheWay(t *testing.T) {
	t.Parallel()
	sizes := []string{"1-1000", "1-20000"}
	if probetest.Race {
		sizes = sizes[:1]
	}
	for _, ports := range sizes {
		synctest.Test(t, func(t *testing.T) {
			queue := func() *bottleneck {
				return &bottleneck{Host: simnet.Linux(open(100)...), random: rand.New(rand.NewPCG(1, 2)), at: time.Now(), perSecond: 3000, room: 20}
			}
			path := simnet.Path{Delay: 5 * ms}
			kept, all := pacedRun(t, queue(), path, path, 1, ports, true)
			slowed, found := pacedRun(t, queue(), path, path, 1, ports, false)
			if n := len(found.best); n < len(all.best) || found.count(probe.StateOpen) < 99 {
				t.Errorf("ports %s: %d of %d answered, %d open of 100", ports, n, len(all.best), found.count(probe.StateOpen))
			}
			if small := ports == "1-1000"; !small && (slowed.Pace == 0 || slowed.Pace > 3500) || slowed.Took > kept.Took || slowed.Sent > kept.Sent {
				t.Errorf("ports %s: %.0f packets a second, %d sent in %v; at a fixed pace %d in %v", ports, slowed.Pace, slowed.Sent, slowed.Took, kept.Sent, kept.Took)
			}
		})
	}
}

func open(n uint16) (ports []uint16) {
	for p := range n {
		ports = append(ports, 10*(p+1))
	}
	return ports
}

// Where the path loses as much at any pace, the pace stays.
func TestPaceStaysWhereThePathLoses(t *testing.T) {
	probetest.Plain(t)
	t.Parallel()
	for _, loss := range []float64{0.05, 0.4} {
		synctest.Test(t, func(t *testing.T) {
			path := simnet.Path{Delay: 5 * ms, Loss: loss}
			host := below(10001, simnet.Linux(open(100)...))
			kept, _ := pacedRun(t, host, path, path, 1, "1-10100", true)
			tried, found := pacedRun(t, host, path, path, 1, "1-10100", false)
			if tried.Pace != 0 || tried.Took > kept.Took*time.Duration(tried.Sent)/time.Duration(kept.Sent)*5/4+time.Duration(tried.Attempts)*wide.DefaultLeastTimeout || found.count(probe.StateOpen) < 95 {
				t.Errorf("loss %v: pace %.0f, %v instead of %v, %d open of 100", loss, tried.Pace, tried.Took, kept.Took, found.count(probe.StateOpen))
			}
		})
	}
}

// A queue that was short for a while does not slow a run down for ever. At half of the pace a
// pass lasts longer than a minute here: one that does not may stay slow, at that cost at most.
func TestPaceComesBack(t *testing.T) {
	probetest.Plain(t)
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		queue := &bottleneck{Host: internet, random: rand.New(rand.NewPCG(1, 2)), at: start, perSecond: 750, room: 10}
		some := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if now.Sub(start) < 5*time.Second {
				queue.Respond(now, in, out)
			} else {
				internet.Respond(now, in, out)
			}
		})
		plan := planOf(t, 3, "80", "10.0.0.0/16")
		found := newAnswers()
		s, err := stateless(t, t.Context(), simnet.Config{Out: simnet.Path{Delay: 20 * ms}}, some,
			wide.Config{Plan: plan, MostRetries: wide.DefaultMostRetries, Config: scan.Config{Rate: 2000}}, found)
		open, wrong := missed(t, internet, plan, found)
		t.Logf("%d open missed of %d, %d sent for %d targets in %v, now %d each at %.0f", open, found.count(probe.StateOpen), s.Sent, s.Probes, s.Took, s.Attempts, s.Pace)
		if err != nil || wrong > 0 || float64(open) > 0.005*float64(found.count(probe.StateOpen)) {
			t.Errorf("%v, %d open ports missed of %d, %d wrong", err, open, found.count(probe.StateOpen), wrong)
		}
		if s.Pace != 0 || s.Attempts != 2 {
			t.Errorf("long after the queue was short %d probes a target at %.0f packets a second", s.Attempts, s.Pace)
		}
	})
}
