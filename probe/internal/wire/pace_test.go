package wire

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// sendFor lets a pace run with wake-ups that come late by up to jitter, and
// returns what left and the most that left at once.
func sendFor(p *Pace, span, jitter time.Duration, rng *rand.Rand) (total, burst int) {
	for now := time.Duration(0); now < span; {
		n := p.Allowance(now, 4*BatchSize)
		p.Spend(n)
		p.Departed(n, now)
		total, burst = total+n, max(burst, n)
		now = max(now+time.Microsecond, p.WakeUp()) + time.Duration(rng.Int64N(int64(jitter)+1))
	}
	return total, burst
}

func TestPaceIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, tc := range []struct {
		rate   float64
		span   time.Duration
		jitter time.Duration
	}{
		{1, 100 * time.Second, ms},
		{3, 100 * time.Second, ms},
		{1000, 10 * time.Second, 500 * time.Microsecond},
		{9999, 10 * time.Second, 100 * time.Microsecond},
		{1e5, time.Second, 200 * time.Microsecond},
		{1e6, time.Second, 0},
		{1e7, 100 * ms, 0},
	} {
		p := NewPace(tc.rate)
		total, burst := sendFor(&p, tc.span, tc.jitter, rng)
		want := tc.rate * tc.span.Seconds()
		if math.Abs(float64(total)-want) > want/1000+tc.rate*Slack.Seconds()+1 {
			t.Errorf("%v pps over %v: %d packets, want %v", tc.rate, tc.span, total, want)
		}
		if most := tc.rate*Slack.Seconds() + 2; float64(burst) > most {
			t.Errorf("%v pps: %d at once, at most %v may", tc.rate, burst, most)
		}
	}
}

func TestPaceDoesNotMakeUpForAStall(t *testing.T) {
	p := NewPace(1000)
	p.Spend(p.Allowance(0, 4*BatchSize))
	if n := p.Allowance(10*time.Second, 4*BatchSize); n != 3 {
		t.Errorf("after a stall of 10 s %d packets may leave, want the 3 of 2 ms", n)
	}
}

// lateness is how late a process runs that was to run at a time.
type lateness struct {
	usual, worst time.Duration
	one          int // in so many times it is the worst at most
}

func (l lateness) draw(r *rand.Rand) time.Duration {
	if l.one > 0 && r.IntN(l.one) == 0 {
		return time.Duration(r.Int64N(int64(l.worst)))
	}
	return time.Duration(r.Int64N(int64(2*l.usual + 1)))
}

// departures lets a pace run for a span, woken up late and kept from sending once it was allowed to.
func departures(p *Pace, span time.Duration, woken, kept lateness, r *rand.Rand) (left []time.Duration) {
	for now := time.Duration(0); now < span; now = max(now+time.Microsecond, p.WakeUp()) + woken.draw(r) {
		n := p.Allowance(now, 4*BatchSize)
		if n == 0 {
			continue
		}
		now += kept.draw(r)
		for range n {
			left = append(left, now)
			now += time.Microsecond
		}
		p.Spend(n)
		p.Departed(n, now)
	}
	return left
}

// Whoever is woken up late, and kept from sending what was allowed, makes up for it, but no 2 ms see
// more than the pace and a quarter.
func TestPaceNeverBursts(t *testing.T) {
	const µs = time.Microsecond
	for name, x := range map[string]struct {
		woken, kept lateness
		reached     float64
	}{
		"idle machine": {lateness{usual: 60 * µs}, lateness{}, 0.99},
		"busy":         {lateness{60 * µs, 2 * ms, 100}, lateness{0, 500 * µs, 100}, 0.98},
		"very busy":    {lateness{100 * µs, 20 * ms, 10}, lateness{0, 20 * ms, 10}, 0.1},
	} {
		for _, rate := range []float64{100, 500, 1000, 5000, 20_000, 50_000, 100_000} {
			for _, together := range []time.Duration{Together, longTogether} {
				p := NewPace(rate)
				p.together = together
				left := departures(&p, 10*time.Second, x.woken, x.kept, rand.New(rand.NewPCG(3, 4)))
				if share := float64(len(left)) / rate / 10; share < x.reached || share > 1.001 {
					t.Errorf("%s, %v pps: %.3f of that left", name, rate, share)
				}
				most := int(rate*(Slack+catchUp).Seconds()) + 1
				if most > exact {
					most = int(rate*2*Slack.Seconds()) + 2
				}
				for i := most; i < len(left); i++ {
					if left[i]-left[i-most] < Slack {
						t.Fatalf("%s, %v pps: more than %d packets in 2 ms at %v", name, rate, most, left[i])
					}
				}
			}
		}
	}
}

func TestPaceBounds(t *testing.T) {
	p := NewPace(math.Inf(1))
	if n := p.Allowance(0, 77); n != 77 {
		t.Errorf("unbounded: %d of 77", n)
	}
	p.Slower(50_000)
	if got := p.Rate(); got != 25_000 {
		t.Errorf("unbounded, slowed at 50,000 a second: %v", got)
	}
	for range 20 {
		p.Slower(0)
	}
	if got := p.Rate(); got != 50_000.0/64 {
		t.Errorf("floor: %v", got)
	}
	for range 200 {
		p.Faster()
	}
	if got := p.Rate(); got != 50_000 {
		t.Errorf("recovered: %v", got)
	}
}

// However often it is asked, a fast pace lets packets leave together, and no
// fewer of them.
func TestPaceGathers(t *testing.T) {
	for rate, least := range map[float64]int{5_000: 1, 20_000: 6, 1e6: 300} {
		p, sent, calls := NewPace(rate), 0, 0
		for now := time.Duration(0); now < time.Second; now += 10 * time.Microsecond {
			if n := p.Allowance(now, 1<<20); n > 0 {
				p.Spend(n)
				sent, calls = sent+n, calls+1
			}
		}
		if per := float64(sent) / float64(calls); per < float64(least) || math.Abs(float64(sent)-rate) > rate/1000+1 {
			t.Errorf("%v pps: %d packets in %d calls", rate, sent, calls)
		}
	}
}

// A lower pace is asked for after something here has capped the one before: it is not cut
// by the same share once more.
func TestPaceAskedForAfterACap(t *testing.T) {
	for name, x := range map[string]struct {
		first, left, then, want float64
	}{
		"below the cap":     {2000, 3, 4, 4},
		"above the cap":     {2000, 100, 1000, 90},
		"without a bound":   {math.Inf(1), 100, 50, 50},
		"higher than first": {2000, 100, 4000, 180},
	} {
		p := NewPace(x.first)
		p.Cap(x.left)
		p.Ask(x.then)
		if got := p.Rate(); math.Abs(got-x.want) > 1e-6 {
			t.Errorf("%s: %v packets a second, want %v", name, got, x.want)
		}
	}
}
