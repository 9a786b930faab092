package scan

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTimersPopInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var h timers
	var oracle []time.Duration
	for range 20_000 {
		if rng.IntN(3) > 0 || len(oracle) == 0 {
			at := time.Duration(rng.IntN(5000))
			h.push(timer{at: at})
			oracle = append(oracle, at)
			continue
		}
		i := slices.Index(oracle, slices.Min(oracle))
		if got := h.pop().at; got != oracle[i] {
			t.Fatalf("popped %d, the earliest is %d", got, oracle[i])
		}
		oracle = slices.Delete(oracle, i, i+1)
	}
}

func TestQueueKeepsOrder(t *testing.T) {
	var q queue
	var oracle []uint32
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range uint32(10_000) {
		if rng.IntN(5) < 3 {
			q.push(ticket{id: i})
			oracle = append(oracle, i)
		} else if q.n > 0 {
			if got := q.pop().id; got != oracle[0] {
				t.Fatalf("popped %d, want %d", got, oracle[0])
			}
			oracle = oracle[1:]
		}
	}
	if q.n != len(oracle) {
		t.Errorf("%d left, want %d", q.n, len(oracle))
	}
}

// A record that is used again must not be reached through what was scheduled
// for its former probe.
func TestFlightsForgetFormerProbes(t *testing.T) {
	f := newFlights(2)
	a, b := &host{id: 1}, &host{id: 2}
	id := f.add(a, 80)
	f.expectBy(id, 5)
	f.remove(id)
	if again := f.add(b, 443); again != id {
		t.Fatalf("record %d, want %d to be used again", again, id)
	}
	f.expectBy(id, 9)
	if got, ok := f.due(8); ok {
		t.Errorf("the deadline of a former probe surfaced: %d", got)
	}
	if got, ok := f.due(9); !ok || got != id {
		t.Errorf("the deadline of the new one did not: %d %v", got, ok)
	}
	if _, gone := f.find(a, 80); gone != nil {
		t.Error("the former probe is still found")
	}
}

func TestFlightsAllocateNothingInSteadyState(t *testing.T) {
	f := newFlights(4)
	h := &host{id: 1}
	cycle := func() {
		id := f.add(h, 80)
		f.expectBy(id, 1)
		f.due(1)
		f.remove(id)
	}
	cycle()
	if n := testing.AllocsPerRun(1000, cycle); n != 0 {
		t.Errorf("%v allocations a probe", n)
	}
}
