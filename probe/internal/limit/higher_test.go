package limit

import (
	"math/rand/v2"
	"testing"
	"time"
)

const wait, tick = 60 * time.Millisecond, time.Millisecond

// ask asks so many questions at the pace of a trial.
func (w *way) ask(t *Trial, now time.Duration, n int) time.Duration {
	for range n {
		now += time.Duration(float64(time.Second) / t.Rate())
		if number := t.Ask(now); w.pass(now) {
			t.Answer(number)
		}
	}
	return now + wait
}

// A higher pace passes where the limit is over, and nowhere else.
func TestHigher(t *testing.T) {
	for _, rate := range []float64{0, 30} {
		w := &way{rate: rate, burst: 20, tokens: 20, chance: rand.New(rand.NewPCG(1, 1))}
		higher := At(27).Higher(2000)
		if _, known := higher.Passes(w.ask(higher, 0, Tells-1), wait); known {
			t.Errorf("%v a second: known after %d questions", rate, Tells-1)
		}
		passes, known := higher.Passes(w.ask(higher, time.Second, 1), wait)
		if over := rate == 0; !known || passes != over || higher.Rate() != 108 {
			t.Errorf("limit of %v a second: passes %t, known %t, at %v", rate, passes, known, higher.Rate())
		}
	}
	if rate := At(1000).Higher(2000).Rate(); rate != 2000 {
		t.Errorf("%v a second are more than the full pace", rate)
	}
}

// Random loss at the full pace is taken for no limit by chance, and a pace that was found is not lowered by it ever more.
func TestLossIsNoLimit(t *testing.T) {
	limited, lowest := 0, 1000.0
	for seed := range uint64(100) {
		w := &way{loss: 0.19, chance: rand.New(rand.NewPCG(seed, 1))}
		trial := Begin(4000, 48, 12, 700)
		now, outcome := time.Duration(0), Undecided
		for outcome == Undecided {
			now = w.ask(trial, now, 1)
			outcome = trial.Turn(now, wait)
		}
		if outcome == Limited {
			limited++
		}
		w.loss = 0.1
		kept := At(1000)
		for range 300 {
			now = w.ask(kept, now, 1)
			kept.Watch(now, wait)
		}
		lowest = min(lowest, kept.Rate())
	}
	if t.Log(limited, lowest); limited > 12 || lowest < 100 {
		t.Errorf("%d limits of 100 are none, a pace is lowered to %v", limited, lowest)
	}
}
