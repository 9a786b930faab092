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

// Whoever is kept from running between being allowed packets and sending them makes up for
// 2 ms all the same, and no 2 ms see more than twice as much.
func TestPaceOfWhoIsKeptFromSending(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, rate := range []float64{500, 1000, 20_000} {
		var left []time.Duration
		p := NewPace(rate)
		for now := time.Duration(0); now < 10*time.Second; now = max(now+time.Microsecond, p.WakeUp()) {
			n := p.Allowance(now, 4*BatchSize)
			now += time.Duration(rng.Int64N(int64(20 * ms)))
			p.Spend(n)
			p.Departed(n, now)
			for range n {
				left = append(left, now)
			}
		}
		most := int(2*Slack.Seconds()*rate) + 2
		for i := most; i < len(left); i++ {
			if left[i]-left[i-most] < Slack {
				t.Fatalf("%v pps: more than %d packets in 2 ms at %v", rate, most, left[i])
			}
		}
		if len(left) < 100*most {
			t.Errorf("%v pps: %d packets in 10 s", rate, len(left))
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
