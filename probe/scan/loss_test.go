package scan

import (
	"math/rand/v2"
	"testing"
)

// The loss is measured right from the second try on, however many ports are filtered and
// although most answers come to the first: what was not tried again yet is not taken for
// what is not lost.
func TestLossOfPortsTriedInRounds(t *testing.T) {
	for _, p := range []float64{0.01, 0.1, 0.19, 0.36, 0.64} {
		for _, filtered := range []float64{0, 0.3, 0.9} {
			var l losses
			var silent byTry
			r := rand.New(rand.NewPCG(1, uint64(1000*p)))
			waiting := 50_000
			closed := int(float64(waiting) * (1 - filtered))
			for try := range 7 {
				waiting, closed = tryAll(r, p, waiting, closed, try, &l, &silent)
				if got := l.trials(&silent).share(priorLoss); try > 0 && (got < 0.9*p || got > 1.1*p) && closed > 20 {
					t.Errorf("loss %v with %v filtered: %v after %d tries", p, filtered, got, try+1)
				}
			}
		}
	}
}

// tryAll sends one transmission to each port that has not answered; the first closed of them answer
// what is not lost.
func tryAll(r *rand.Rand, p float64, waiting, closed, try int, l *losses, silent *byTry) (int, int) {
	lost := 0
	for range closed {
		if r.Float64() < p {
			lost++
			continue
		}
		l.note(try)
	}
	for range waiting - closed + lost {
		silent.add(try)
	}
	return waiting - closed + lost, lost
}

// While the repetitions of most ports wait for their turn, those that had theirs tell of
// the loss.
func TestLossOfPortsThatWait(t *testing.T) {
	l, silent := losses{}, byTry{2000, 80}
	l.at = byTry{8000, 320} // a fifth of what was lost was tried again, and of that a fifth is lost again
	if got := l.trials(&silent).share(priorLoss); got < 0.18 || got > 0.22 {
		t.Errorf("loss %v, want 0.2", got)
	}
}
