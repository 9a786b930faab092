package scan

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

func TestQueueKeepsOrder(t *testing.T) {
	var q queue
	var oracle []uint32
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range uint32(10_000) {
		fill := 3 + 2*(int(i)/2000%2) // it grows long, and is empty now and then
		switch r := rng.IntN(10); {
		case r < fill:
			q.push(ticket{id: i})
			oracle = append(oracle, i)
		case r == fill:
			q.pushFirst(ticket{id: i})
			oracle = slices.Insert(oracle, 0, i)
		case q.n > 0:
			if got := q.pop().id; got != oracle[0] {
				t.Fatalf("popped %d, want %d", got, oracle[0])
			}
			oracle = oracle[1:]
		}
		if int(q.n) != len(oracle) {
			t.Fatalf("%d wait, want %d", q.n, len(oracle))
		}
		if i%500 == 0 {
			var seen []uint32
			q.each(func(x ticket) ticket { seen = append(seen, x.id); return ticket{id: x.id + 1} })
			if !slices.Equal(seen, oracle) {
				t.Fatalf("%d wait in another order than they will be taken", len(oracle))
			}
			q.each(func(x ticket) ticket { return ticket{id: x.id - 1} })
		}
	}
}

// A run of millions of hosts with one port each is what a wide scan is: what each of them
// takes decides whether it fits into memory.
func TestHostsAreSmall(t *testing.T) {
	if size := unsafe.Sizeof(host{}); size > 320 { // a size class of Go's allocator
		t.Errorf("a host takes %d bytes", size)
	}
	h := &host{}
	if n := testing.AllocsPerRun(100, func() {
		h.pending.push(ticket{id: 1})
		h.pending.pop()
		h.another()
		h.limiter().depart(0)
		h.limiter().answered(0, 0, 0)
	}); n != 0 {
		t.Errorf("a host with one port has %v allocations of its own", n)
	}
	h.flights = 1
	if h.another(); h.limiter() == nil {
		t.Error("a host with several ports has no limiter")
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
