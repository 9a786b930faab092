package limit

import (
	"math/rand/v2"
	"testing"
	"time"
)

// way drops what a token bucket has no token for, and some at random.
type way struct {
	rate, burst, tokens, loss float64
	at                        time.Duration
	chance                    *rand.Rand
}

func (w *way) pass(now time.Duration) bool {
	w.tokens = min(w.burst, w.tokens+(now-w.at).Seconds()*w.rate)
	w.at = now
	if w.rate > 0 && w.tokens < 1 {
		return false
	}
	w.tokens--
	return w.chance.Float64() >= w.loss
}

// try runs a trial to its end.
func (w *way) try(most int) (outcome Outcome, pace float64, took time.Duration) {
	t := Begin(4000, 0, 0, most)
	owed := 0.0
	for now := time.Second; ; now += tick {
		for owed += t.Rate() * tick.Seconds(); owed >= 1; owed-- {
			if most > 0 && t.Wants() {
				most--
				if n := t.Ask(now); w.pass(now) {
					t.Answer(n)
				}
			}
		}
		outcome = t.Turn(now, wait)
		if outcome == Undecided && most == 0 {
			outcome = t.Spent()
		}
		if outcome != Undecided {
			return outcome, t.Rate(), now - time.Second
		}
	}
}

// A limit's pace is found, a quarter of a second after its bucket was emptied, and random loss has none.
func TestTrial(t *testing.T) {
	for seed := range uint64(20) {
		for _, rate := range []float64{20, 50, 100, 500} {
			for _, burst := range []float64{1, 20, 50} {
				w := &way{rate: rate, burst: burst, at: 750 * time.Millisecond, chance: rand.New(rand.NewPCG(seed, 1))}
				if outcome, found, _ := w.try(700); outcome != Limited || found < rate/5 || found > 2.5*rate {
					t.Errorf("%v a second, burst %v: outcome %d, %v a second", rate, burst, outcome, found)
				}
			}
		}
	}
	wrong, longest, all := 0, time.Duration(0), time.Duration(0)
	for seed := range uint64(400) {
		w := &way{loss: 0.3 + 0.0017*float64(seed), chance: rand.New(rand.NewPCG(seed, 2))}
		outcome, _, took := w.try(700)
		if outcome != Lossy {
			wrong++
		}
		longest, all = max(longest, took), all+took
	}
	t.Logf("%d of 400 ways with random loss are taken for limited ones, after %v at most, %v on average", wrong, longest, all/400)
	if wrong > 20 || longest > 10*time.Second || all > 400*3*time.Second {
		t.Errorf("%d of 400 ways with random loss are taken for limited ones, after %v at most, %v on average", wrong, longest, all/400)
	}
}

// What surely was lost is not what chance makes of few.
func TestMostly(t *testing.T) {
	for _, c := range []struct {
		n, lost float64
		want    bool
	}{{0, 0, false}, {1, 1, true}, {4, 1, false}, {24, 4, false}, {24, 12, true}} {
		if got := Mostly(c.n, c.lost, 0.2); got != c.want {
			t.Errorf("%v of %v: %v", c.lost, c.n, got)
		}
	}
}
