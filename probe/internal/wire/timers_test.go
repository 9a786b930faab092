package wire

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTimersPopInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var h Timers
	var oracle []time.Duration
	for range 20_000 {
		if rng.IntN(3) > 0 || len(oracle) == 0 {
			at := time.Duration(rng.IntN(5000))
			h.Push(Timer{At: at})
			oracle = append(oracle, at)
			continue
		}
		i := slices.Index(oracle, slices.Min(oracle))
		if got := h.Pop().At; got != oracle[i] {
			t.Fatalf("popped %d, the earliest is %d", got, oracle[i])
		}
		oracle = slices.Delete(oracle, i, i+1)
	}
}
