package isn_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"synscope/probe/isn"
)

// The spread of each way is that of the noise on it, whatever the other way and
// a few stragglers do.
func TestSpreadOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	delays := make([]isn.Delay, 4000)
	for i := range delays {
		delays[i].There = time.Millisecond + time.Duration(rng.NormFloat64()*50e3)
		delays[i].Back = time.Duration(rng.NormFloat64() * 5e3)
		if i%50 == 0 {
			delays[i].Back += time.Second
		}
	}
	s := isn.SpreadOf(delays)
	if s.N != len(delays) || s.There < 47*time.Microsecond || s.There > 53*time.Microsecond {
		t.Errorf("there %v, want about 50 µs", s.There)
	}
	if s.Back < 4700*time.Nanosecond || s.Back > 5500*time.Nanosecond {
		t.Errorf("back %v, want about 5 µs", s.Back)
	}
	if got := isn.SpreadOf(delays[:1]); got.There != 0 || got.Back != 0 {
		t.Errorf("one delay varies by %v and %v", got.There, got.Back)
	}
}
