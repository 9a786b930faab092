package wire

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Deadlines of a few kinds, each so long after the present, mostly: they stand in lines, and each line gives
// back the memory of what was taken out.
func TestTimersOfAFewKinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var h Timers
	oracle := map[uint32]time.Duration{}
	now := time.Duration(0)
	for id := range uint32(100_000) {
		now += time.Duration(rng.IntN(3))
		at := now + []time.Duration{5, 100, 1000}[rng.IntN(3)]
		if rng.IntN(40) == 0 { // or any
			at = now + time.Duration(rng.IntN(300))
		}
		h.Push(Timer{At: at, ID: id})
		oracle[id] = at
		for {
			got, ok := h.Due(now)
			if !ok {
				break
			}
			if at, known := oracle[got.ID]; !known || at != got.At || at > now {
				t.Fatalf("at %d came %+v, which was to come at %d %v", now, got, at, known)
			}
			delete(oracle, got.ID)
		}
		if next, ok := h.Next(); ok && next.At <= now {
			t.Fatalf("%d is left at %d", next.At, now)
		}
		if id%1000 != 0 {
			continue
		}
		for other, at := range oracle {
			if at <= now {
				t.Fatalf("%d was to come at %d, and did not by %d", other, at, now)
			}
		}
	}
	for _, l := range h.lines {
		if cap(l.all) > 8192 {
			t.Errorf("a line of %d keeps room for %d", len(l.all)-l.head, cap(l.all))
		}
	}
}

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
