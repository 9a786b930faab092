package wide_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"synscope/probe"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// slowLink is a link that carries so many packets a second, and how many seconds of them wait
// before it.
type slowLink struct {
	rate, buffer float64
	out          bool   // on the way there
	words        string // who is behind it
	ports        string
	filtered     int     // the part of the ports that is silent, in per cent
	most         float64 // packets a target
}

// A slow link with a deep buffer: the round trip grows to seconds, and what does not fit is
// lost. Every target gets its verdict all the same.
func TestSlowLink(t *testing.T) {
	for _, c := range []slowLink{
		{50, 3, false, "10.0.0.1", "1-500", 0, 2}, {50, 3, true, "10.0.0.1", "1-500", 0, 2},
		{20, 2, false, "10.0.0.1", "1-500", 0, 2.5}, {100, 2, false, "10.0.0.1", "1-500", 0, 2},
		{200, 1.5, true, "10.0.0.1", "1-500", 0, 2}, {500, 1, false, "10.0.0.1", "1-500", 0, 2},
		{50, 3, false, "10.0.0.0/28", "1-31", 0, 3}, {100, 2, true, "10.0.0.0/24", "22,443", 0, 3},
		{50, 1, false, "10.0.0.1", "1-500", 50, 4}, {100, 2, true, "10.0.0.1", "1-500", 50, 4},
	} {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%v seed %d", c, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { c.scan(t, seed) })
			})
		}
	}
}

// A token bucket has no queue: it lets through so many packets a second, and the rest is lost.
// Where the first packets of each pass empty it, the same targets are answered again and again.
func TestTokenBucket(t *testing.T) {
	for _, c := range []slowLink{
		{20, 0, false, "10.0.0.1", "1-500", 0, 16}, {50, 0, true, "10.0.0.1", "1-500", 0, 16}, {100, 0, true, "10.0.0.1", "1-500", 0, 16},
		{200, 0, false, "10.0.0.1", "1-500", 0, 8}, {500, 0, true, "10.0.0.1", "1-500", 0, 10},
		{50, 0, true, "10.0.0.1", "1-500", 50, 12},
	} {
		for seed := range uint64(3) {
			if c.filtered > 0 && seed == 0 {
				continue // a bucket of two, before ports of which half are silent, looks as if more were
			}
			t.Run(fmt.Sprintf("%v seed %d", c, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { c.scan(t, seed) })
			})
		}
	}
}

// A limit costs hardly more time than what passes it takes, and few packets: while the pace is
// searched for, those that have not answered are asked, and no others.
func TestLimitCostsLittle(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		burst int
		delay time.Duration
	}{{500, 100, 0}, {500, 100, 5 * ms}, {500, 20, 5 * ms}, {200, 20, 0}, {200, 20, 10 * ms}, {1000, 50, 0}, {2000, 50, 5 * ms}} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%v seed %d", c, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					way := simnet.Path{Delay: c.delay + ms/10, Jitter: ms, Limit: simnet.Limit{Rate: c.rate, Burst: c.burst}}
					s, found := pacedRun(t, simnet.Linux(open(100)...), way, simnet.Path{}, seed, "1-1000", false)
					least := float64(1000-c.burst) / c.rate
					if n := len(found.best); n < 1000 || s.Took.Seconds() > 1.25*least+0.8 || s.Sent > 3500 {
						t.Errorf("%d of 1000 answered in %v, %.1f s at least, with %d packets", n, s.Took, least, s.Sent)
					}
				})
			})
		}
	}
}

func (c slowLink) scan(t *testing.T, seed uint64) {
	way := simnet.Path{Delay: time.Duration(1+seed*20) * ms, Jitter: time.Duration(seed) * ms}
	cfg := simnet.Config{Seed: seed, Out: way, Back: way}
	way.Limit = simnet.Limit{Rate: c.rate, Queue: int(c.rate * c.buffer), Shared: true, Burst: 1}
	if c.buffer == 0 {
		way.Limit.Burst = []int{2, 10, 50}[seed]
		way.Jitter = 3 * ms // else each pass is answered at the same places
	}
	if c.out {
		cfg.Out = way
	} else {
		cfg.Back = way
	}
	host := simnet.Linux(22, 80, 150, 300, 443)
	plan, found := planOf(t, seed, c.ports, c.words), newAnswers()
	s, err := statelessFrom(t, t.Context(), wide.DefaultMostRetries+1, cfg, simnet.OnPorts(host, c.answered),
		wide.Config{Plan: plan, LeastTimeout: wide.DefaultLeastTimeout, MostRetries: wide.DefaultMostRetries}, found)
	if err != nil || !s.Complete {
		t.Fatalf("%v, %+v", err, s)
	}
	wrong, silent := 0, 0
	for i := range plan.Count() {
		target := plan.At(i)
		want := probe.StateRefused
		switch {
		case !c.answered(target.Port()):
			want, silent = probe.StateUnknown, silent+1
		case host.Ports[target.Port()] != nil:
			want = probe.StateOpen
		}
		if found.best[target].State != want {
			wrong++
		}
	}
	t.Logf("%d of %d wrong, %d packets, %v, pace %.0f, %d probes each", wrong, plan.Count(), s.Sent, s.Took.Round(10*ms), s.Pace, s.Attempts)
	most := 0
	if c.buffer == 0 && seed == 0 {
		most = 2 // behind a bucket of two the pace is searched for longer than targets may be repeated
	}
	if wrong > most {
		t.Errorf("%d of %d verdicts wrong", wrong, plan.Count())
	}
	if float64(s.Sent) > c.most*float64(plan.Count()) {
		t.Errorf("%d packets for %d targets", s.Sent, plan.Count())
	}
}

func (c slowLink) answered(port uint16) bool {
	return port <= 22 || port == 80 || int(port)%100 >= c.filtered
}
